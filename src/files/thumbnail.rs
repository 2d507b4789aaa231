//! Small copies of pictures.

use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};

/// Pixels that a picture may have to be made smaller; each takes up to eight bytes of memory for a moment.
const MAX_PIXELS: u64 = 25_000_000;
/// Pixels of its longer side.
const MAX_SIDE: u32 = 16_384;
/// Bytes that reading one may take.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// A small copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// A png where the picture may be seen through, else a jpeg.
    pub bytes: Bytes,
    /// MIME type.
    pub content_type: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Copies of a picture (png, jpeg, gif or webp, by its bytes), one for each side of a square that it has to fit into, upright.
/// None of what is no such picture, is broken, or has too many pixels. Takes its time: not for a thread that serves others.
pub(super) fn thumbnails(bytes: &[u8], sides: &[u32]) -> Option<Vec<Thumbnail>> {
    let picture = read(bytes)?;
    sides.iter().map(|side| copy(&picture, *side)).collect()
}

fn read(bytes: &[u8]) -> Option<DynamicImage> {
    let format = image::guess_format(bytes).ok()?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) {
        return None;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    picture.apply_orientation(orientation);
    Some(picture)
}

/// Never larger than the picture itself.
fn copy(picture: &DynamicImage, side: u32) -> Option<Thumbnail> {
    let fits = picture.width() <= side && picture.height() <= side;
    let small = if fits { picture.clone() } else { picture.thumbnail(side, side) };
    let mut bytes = Cursor::new(Vec::new());
    let (width, height) = (small.width(), small.height());
    let content_type = if small.color().has_alpha() {
        DynamicImage::from(small.into_rgba8()).write_to(&mut bytes, ImageFormat::Png).ok()?;
        "image/png"
    } else {
        DynamicImage::from(small.into_rgb8()).write_to(&mut bytes, ImageFormat::Jpeg).ok()?;
        "image/jpeg"
    };
    Some(Thumbnail { bytes: bytes.into_inner().into(), content_type, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgba8(width, height).write_to(&mut bytes, ImageFormat::Png).expect("a png");
        bytes.into_inner()
    }

    #[test]
    fn a_copy_fits_and_keeps_its_shape() {
        let copies = thumbnails(&png(400, 100), &[80, 2_000]).expect("copies");
        let [small, large] = &copies[..] else { panic!("{copies:?}") };
        assert_eq!((small.width, small.height, small.content_type), (80, 20, "image/png"));
        assert_eq!((large.width, large.height), (400, 100), "nothing is made larger");
        assert_eq!(image::guess_format(&small.bytes).ok(), Some(ImageFormat::Png));
    }

    #[test]
    fn what_is_no_picture_or_too_large_has_no_copy() {
        assert_eq!(thumbnails(b"hello", &[80]), None);
        assert_eq!(thumbnails(&png(400, 100)[..60], &[80]), None);
        assert_eq!(thumbnails(b"GIF89a\x02\x00\x03\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff", &[80]), None);
        // A few bytes that say they are a picture of 30,000 by 30,000 pixels.
        let mut bomb = png(1, 1);
        bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        assert_eq!(thumbnails(&bomb, &[80]), None);
    }
}
