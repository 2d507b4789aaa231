//! The pages of a list that grows at its young end while somebody walks through it.
//!
//! A page lies between two cuts, and each cut parts the list's items into older and younger ones: what is shown on one side of
//! it is not shown on the other. Mostly a place is enough to tell the sides apart. Near the young end it is not: an item takes
//! its place when it begins, but becomes visible a little later, since it has to be stored and nodes' clocks differ, and
//! by then the reader may have seen younger ones. So a cut lies no later than where everything is settled, and names the
//! items behind it that are on its older side all the same. What becomes visible late is on the younger side of those who
//! have passed its place: they find it on their next page, though after some that are younger.

use serde::{Deserialize, Serialize};

/// Items that a cut names at most. Who has seen more of the last seconds' may miss one that becomes visible late.
const MAX_NAMED: usize = 400;

/// A place in a list, or one of its ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Edge<P> {
    /// Before everything.
    Oldest,
    At(P),
    /// Behind everything.
    Youngest,
}

/// The direction of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To older items.
    Older,
    /// To younger ones.
    Younger,
}

impl Way {
    pub(super) fn of(is_descending: bool, is_backwards: bool) -> Self {
        if is_descending == is_backwards { Self::Younger } else { Self::Older }
    }
}

/// What parts older items from younger ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cut<P> {
    /// What stands before this is older;
    before: Edge<P>,
    /// and so are these, none of which does. The oldest first.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    and: Vec<P>,
}

impl<P: Clone + Ord> Cut<P> {
    fn new(before: Edge<P>, mut and: Vec<P>) -> Self {
        and.retain(|place| !is_before(place, &before));
        and.sort();
        and.dedup();
        let too_many = and.len().saturating_sub(MAX_NAMED);
        match and.get(too_many) {
            Some(first) if too_many > 0 => {
                Self { before: Edge::At(first.clone()), and: and.split_off(too_many) }
            }
            _ => Self { before, and },
        }
    }

    fn has_older(&self, place: &P) -> bool {
        is_before(place, &self.before) || self.and.contains(place)
    }
}

fn is_before<P: Ord>(place: &P, edge: &Edge<P>) -> bool {
    match edge {
        Edge::Oldest => false,
        Edge::At(at) => place < at,
        Edge::Youngest => true,
    }
}

/// Where a page begins, as its id says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spot<P> {
    /// The page lies behind the reader: against the order that they asked for.
    backwards: bool,
    /// The item behind which the page begins; none at the list's end. Earlier builds know only this.
    after: Option<P>,
    /// Page ids of earlier builds have none.
    cut: Option<Cut<P>>,
}

/// What a page's walk has come across.
pub(super) struct Walked<P> {
    /// The items that are shown.
    pub(super) shown: Vec<P>,
    /// The last place that was looked at, if the list goes on behind it.
    pub(super) stopped_at: Option<P>,
    /// Before this nothing becomes visible any more.
    pub(super) settled: Edge<P>,
}

impl<P: Clone + Ord> Spot<P> {
    /// Of the first page.
    pub(super) fn first() -> Self {
        Self { backwards: false, after: None, cut: None }
    }

    /// Whether the page is walked against the order that the reader asked for.
    pub(super) fn is_backwards(&self) -> bool {
        self.backwards
    }

    fn way(&self, is_descending: bool) -> Way {
        Way::of(is_descending, self.backwards)
    }

    fn cut(&self, way: Way) -> Cut<P> {
        if let Some(cut) = &self.cut {
            return cut.clone();
        }
        match (&self.after, way) {
            (None, Way::Older) => Cut::new(Edge::Youngest, Vec::new()),
            (None, Way::Younger) => Cut::new(Edge::Oldest, Vec::new()),
            (Some(after), Way::Older) => Cut::new(Edge::At(after.clone()), Vec::new()),
            (Some(after), Way::Younger) => Cut::new(Edge::At(after.clone()), vec![after.clone()]),
        }
    }

    /// What a walk from here comes across.
    pub(super) fn ahead(&self, is_descending: bool) -> Ahead<P> {
        let way = self.way(is_descending);
        Ahead { cut: self.cut(way), way }
    }

    fn at(cut: Cut<P>, way: Way, backwards: bool) -> Self {
        let place = match &cut.before {
            Edge::At(place) => Some(place),
            Edge::Oldest | Edge::Youngest => None,
        };
        let after = match way {
            Way::Older => place,
            Way::Younger => cut.and.last().or(place),
        };
        Self { backwards, after: after.cloned(), cut: Some(cut) }
    }

    /// The pages beside this one: the name, and where each begins. One ahead if the list goes on there; one behind unless this is
    /// the first. A page without items, because nothing that was looked at counts, has the same neighbours as any other.
    pub(super) fn beside(
        &self,
        is_descending: bool,
        is_first: bool,
        walked: Walked<P>,
    ) -> impl Iterator<Item = (&'static str, Self)> {
        let (way, back) = (self.way(is_descending), Way::of(is_descending, !self.backwards));
        let cut = self.cut(way);
        let goes_on = walked.stopped_at.is_some();
        let (ahead, behind) = match way {
            Way::Older => cut.around_older(walked),
            Way::Younger => (cut.ahead_younger(walked), cut),
        };
        let names = if self.backwards { ["previous", "next"] } else { ["next", "previous"] };
        let ahead = goes_on.then(|| (names[0], Self::at(ahead, way, self.backwards)));
        let behind = (!is_first).then(|| (names[1], Self::at(behind, back, !self.backwards)));
        ahead.into_iter().chain(behind)
    }
}

impl<P: Clone + Ord> Cut<P> {
    /// The cuts at the older and at the younger end of a page that a walk to older items found on this one's older side.
    fn around_older(&self, walked: Walked<P>) -> (Self, Self) {
        let end = walked.stopped_at.map_or(Edge::Oldest, Edge::At);
        let left = self.and.iter().filter(|place| is_before(*place, &end)).cloned();
        let ahead = Self::new(self.before.clone().min(end.clone()), left.collect());
        let mut seen = self.and.clone();
        seen.extend(walked.shown);
        (ahead, Self::new(self.before.clone().min(end.max(walked.settled)), seen))
    }

    /// The cut at the younger end of a page that a walk to younger items found on this one's younger side.
    fn ahead_younger(&self, walked: Walked<P>) -> Self {
        let end = walked.stopped_at.clone().map_or(Edge::Youngest, Edge::At);
        let settled = self.before.clone().max(end.clone().min(walked.settled));
        let is_stuck = walked.shown.is_empty() && settled == self.before;
        let mut seen = self.and.clone();
        seen.extend(walked.shown);
        if is_stuck {
            // More of the last seconds' than one page looks at, and nothing to show: the next must not look at the same.
            seen.extend(walked.stopped_at);
            return Self::new(end, seen);
        }
        Self::new(settled, seen)
    }
}

/// The items of a page and all behind it.
pub(super) struct Ahead<P> {
    cut: Cut<P>,
    pub(super) way: Way,
}

impl<P: Clone + Ord> Ahead<P> {
    /// The first place, on the walk's way, at which something may stand; none at the list's end.
    pub(super) fn start(&self) -> Option<&P> {
        match (&self.cut.before, self.way) {
            (Edge::At(place), Way::Younger) => Some(place),
            (Edge::At(place), Way::Older) => Some(self.cut.and.last().unwrap_or(place)),
            (Edge::Oldest, Way::Older) => self.cut.and.last(),
            (Edge::Oldest, Way::Younger) | (Edge::Youngest, _) => None,
        }
    }

    /// Whether an item is among them.
    pub(super) fn has(&self, place: &P) -> bool {
        self.cut.has_older(place) == (self.way == Way::Older)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// As long after their places items may become visible.
    const DELAY: i64 = 6;

    /// A list that grows, as a reader walks it: pages of at most two of the items that count.
    #[derive(Default)]
    struct List {
        now: i64,
        /// Items by their places.
        items: BTreeMap<i64, Item>,
        is_descending: bool,
        /// Items that a page looks at.
        most: usize,
    }

    #[derive(Clone, Copy)]
    struct Item {
        /// When it can be looked at.
        row_at: i64,
        /// From when on it counts, if it ever does: its chat may be looked at before it is there.
        counts_at: Option<i64>,
    }

    /// A page that was read.
    #[derive(Clone)]
    struct Read {
        shown: Vec<i64>,
        beside: BTreeMap<&'static str, Spot<i64>>,
    }

    impl List {
        /// It can be looked at so much later, and counts so much later still, if at all.
        fn begin(&mut self, delays: (i64, Option<i64>)) {
            self.now += 1;
            let row_at = self.now + delays.0;
            let counts_at = delays.1.map(|delay| row_at + delay);
            self.items.insert(self.now, Item { row_at, counts_at });
        }

        fn counting(&self) -> BTreeSet<i64> {
            let counts = |item: &Item| item.counts_at.is_some_and(|at| at <= self.now);
            self.items.iter().filter(|(_, item)| counts(item)).map(|(place, _)| *place).collect()
        }

        fn read(&self, spot: &Spot<i64>, is_first: bool) -> Read {
            let ahead = spot.ahead(self.is_descending);
            let is_on_the_way = |place: &i64| match (ahead.start(), ahead.way) {
                (None, _) => true,
                (Some(start), Way::Older) => place <= start,
                (Some(start), Way::Younger) => place >= start,
            };
            let counting = self.counting();
            let rows = self.items.iter().filter(|(_, item)| item.row_at <= self.now);
            let mut rows: Vec<i64> = rows.map(|(place, _)| *place).filter(|place| ahead.has(place)).collect();
            assert!(rows.iter().all(is_on_the_way), "starts too late");
            if ahead.way == Way::Older {
                rows.reverse();
            }
            let (mut shown, mut last, mut stopped_at) = (Vec::new(), None, None);
            for (looked_at, place) in rows.into_iter().enumerate() {
                if shown.len() == 2 || looked_at == self.most {
                    stopped_at = last;
                    break;
                }
                last = Some(place);
                shown.extend(counting.contains(&place).then_some(place));
            }
            if spot.is_backwards() {
                shown.reverse();
            }
            let walked = Walked { shown: shown.clone(), stopped_at, settled: Edge::At(self.now - DELAY + 1) };
            Read { shown, beside: spot.beside(self.is_descending, is_first, walked).collect() }
        }

        fn first(&self) -> Read {
            self.read(&Spot::first(), true)
        }

        /// The page beside one, as who brings its id back asks for it.
        fn turn(&self, page: &Read, name: &str) -> Option<Read> {
            let spot = serde_json::to_string(page.beside.get(name)?).expect("JSON");
            Some(self.read(&serde_json::from_str(&spot).expect("a spot"), false))
        }

        /// All that is shown from a page on to an end, and the last page.
        fn follow(&self, mut page: Read, name: &str) -> (Vec<i64>, Read) {
            let mut found = Vec::new();
            for _ in 0..1_000 {
                let Some(next) = self.turn(&page, name) else { return (found, page) };
                found = match name {
                    "next" => [found, next.shown.clone()].concat(),
                    _ => [next.shown.clone(), found].concat(),
                };
                page = next;
            }
            panic!("the pages do not end");
        }
    }

    #[test]
    fn pages_lead_through_the_whole_list_in_both_directions_whatever_does_not_count() {
        for pattern in 0_u32..1 << 11 {
            let mut list = List { is_descending: pattern & 1 == 0, most: 3, ..List::default() };
            (1..11).for_each(|bit| list.begin((0, (pattern & (1 << bit) != 0).then_some(0))));
            for is_settled in [false, true] {
                list.now += if is_settled { DELAY } else { 0 };
                let mut all: Vec<i64> = list.counting().into_iter().collect();
                if list.is_descending {
                    all.reverse();
                }
                let first = list.first();
                let (forth, end) = list.follow(first.clone(), "next");
                assert_eq!([first.shown, forth].concat(), all, "{pattern:b}");
                let (back, start) = list.follow(end.clone(), "previous");
                assert_eq!([back, end.shown].concat(), all, "back: {pattern:b}");
                let (again, _) = list.follow(start.clone(), "next");
                assert_eq!([start.shown, again].concat(), all, "and there again: {pattern:b}");
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begin((i64, Option<i64>)),
        Wait,
        Turn(&'static str),
    }

    /// Together never as long as [`DELAY`].
    fn delays() -> impl Strategy<Value = (i64, Option<i64>)> {
        (0..DELAY / 2, prop::option::weighted(0.8, 0..DELAY / 2))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => delays().prop_map(Step::Begin),
            1 => Just(Step::Wait),
            3 => Just(Step::Turn("next")),
            2 => Just(Step::Turn("previous")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// Whatever page somebody stands on, and whatever has come or become visible since they read it: what the pages
        /// before it, the page itself and the pages behind it show is everything, each once.
        #[test]
        fn nothing_is_skipped_or_shown_twice_while_items_come(
            before in prop::collection::vec(delays(), 0..12),
            steps in prop::collection::vec(step(), 0..40),
            after in prop::collection::vec(delays(), 0..8),
            is_descending in any::<bool>(),
        ) {
            // Pages look at more than becomes visible at the same time.
            let mut list = List { is_descending, most: DELAY as usize + 1, ..List::default() };
            before.into_iter().for_each(|delays| list.begin(delays));
            let (mut page, mut is_first, mut read_at) = (list.first(), true, list.now);
            for step in steps {
                match step {
                    Step::Begin(delays) => list.begin(delays),
                    Step::Wait => list.now += 2,
                    Step::Turn(name) => {
                        if let Some(next) = list.turn(&page, name) {
                            (page, is_first, read_at) = (next, false, list.now);
                        }
                    }
                }
            }
            after.into_iter().for_each(|delays| list.begin(delays));
            list.now += DELAY;
            let (behind, _) = list.follow(page.clone(), "previous");
            let (ahead, _) = list.follow(page.clone(), "next");
            let met = [behind, page.shown.clone(), ahead].concat();
            let each: BTreeSet<i64> = met.iter().copied().collect();
            prop_assert_eq!(each.len(), met.len(), "twice: {:?} around {:?}", met, page.shown);
            let is_last = |name| !page.beside.contains_key(name);
            let missed: Vec<i64> = list.counting().difference(&each).copied().collect();
            // A list's first page has none before it, and its last page none behind it: what came since is on none.
            let excused = is_first || is_last("next") || is_last("previous");
            let is_new = |place: &i64| *place > read_at - DELAY;
            prop_assert!(missed.iter().all(|place| excused && is_new(place)), "{:?} of {:?}", missed, met);
        }
    }

    #[test]
    fn page_ids_of_earlier_builds_are_understood_and_theirs_are_understood_by_them() {
        let mut list = List { most: 3, ..List::default() };
        (0..8).for_each(|_| list.begin((0, Some(0))));
        for (after, is_descending, backwards, wanted) in [
            (Some(4), false, false, vec![5, 6]),
            (Some(4), true, false, vec![3, 2]),
            (Some(4), false, true, vec![2, 3]),
            (Some(4), true, true, vec![6, 5]),
            (None, true, false, vec![8, 7]),
            (None, false, true, vec![7, 8]),
        ] {
            list.is_descending = is_descending;
            let id = serde_json::json!({ "after": after, "backwards": backwards }).to_string();
            let page = list.read(&serde_json::from_str(&id).expect("a spot"), false);
            assert_eq!(page.shown, wanted, "{id}");
            let next = serde_json::to_value(&page.beside["next"]).expect("JSON");
            assert_eq!(next["backwards"], false);
            if !backwards && after.is_some() {
                assert_eq!(next["after"], wanted[1]);
            }
        }
    }

    #[test]
    fn a_cut_names_no_more_than_it_may() {
        let places: Vec<i64> = (0..1_000).rev().collect();
        let cut = Cut::new(Edge::At(10), places);
        assert_eq!((cut.and.len(), cut.before.clone()), (MAX_NAMED, Edge::At(1_000 - MAX_NAMED as i64)));
        assert!((0..1_000).all(|place| cut.has_older(&place)) && !cut.has_older(&1_000));
    }
}
