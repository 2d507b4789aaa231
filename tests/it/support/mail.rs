//! A mail server that takes what it is given: SMTP as RFC 5321 has it, each connection on a thread of its own.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

use super::reserved::Reserved;

/// Mail to it is refused for good, and for now.
pub(crate) const NOBODY: &str = "nobody@mail.example";
pub(crate) const FULL: &str = "full@mail.example";

/// A mail that was taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    /// How the sender called itself.
    pub(crate) hello: String,
    /// What it logged in with, as it came.
    pub(crate) login: Option<String>,
    /// Of the envelope.
    pub(crate) from: String,
    /// Of the envelope.
    pub(crate) to: Vec<String>,
    /// Headers and text, with lines that were broken for the way put together again.
    pub(crate) text: String,
}

impl Mail {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.text.lines().take_while(|line| !line.is_empty());
        let found = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The one link in it.
    pub(crate) fn link(&self) -> &str {
        let mut links = self.text.split_whitespace().filter(|word| word.starts_with("http"));
        let link = links.next().unwrap_or_else(|| panic!("no link in {}", self.text));
        assert_eq!(links.next(), None, "{}", self.text);
        link
    }
}

/// The server. Its threads end with the process.
pub(crate) struct MailServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    /// On a free port; with a certificate and key, it speaks TLS from the first byte and asks for a login.
    pub(crate) fn start(tls: Option<rustls::ServerConfig>) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").expect("a port"), tls)
    }

    /// Where a relay is expected that was away until now.
    pub(crate) fn start_at(place: Reserved) -> Self {
        Self::start_on(place.listen(), None)
    }

    fn start_on(listener: TcpListener, tls: Option<rustls::ServerConfig>) -> Self {
        let address = listener.local_addr().expect("an address");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let (taken, tls) = (mails.clone(), tls.map(Arc::new));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (taken, tls) = (taken.clone(), tls.clone());
                std::thread::spawn(move || {
                    // Whoever does not like what they see goes away.
                    drop(match tls {
                        None => converse(stream, false, &taken),
                        Some(tls) => {
                            let connection = rustls::ServerConnection::new(tls).expect("a connection");
                            converse(rustls::StreamOwned::new(connection, stream), true, &taken)
                        }
                    });
                });
            }
        });
        Self { address, mails }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that it took, oldest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().clone()
    }

    /// Takes the next mail out, which has come already.
    pub(crate) fn take(&self) -> Mail {
        let mut mails = self.mails.lock();
        assert!(!mails.is_empty(), "no mail has come");
        mails.remove(0)
    }
}

fn converse(
    stream: impl Read + Write,
    asks_for_login: bool,
    taken: &Mutex<Vec<Mail>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut mail = Mail::default();
    say(&mut stream, "220 mail.example")?;
    loop {
        let line = line(&mut stream)?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                mail.hello = rest.to_owned();
                let login = if asks_for_login { "250-AUTH PLAIN\r\n" } else { "" };
                say(&mut stream, &format!("250-mail.example\r\n{login}250 8BITMIME"))?;
            }
            "AUTH" => {
                mail.login = Some(rest.to_owned());
                say(&mut stream, "235 welcome")?;
            }
            "MAIL" if asks_for_login && mail.login.is_none() => say(&mut stream, "530 log in first")?,
            "MAIL" => {
                mail.from = between(rest);
                say(&mut stream, "250 ok")?;
            }
            "RCPT" if between(rest) == NOBODY => say(&mut stream, "550 nobody of that name")?,
            "RCPT" if between(rest) == FULL => say(&mut stream, "452 later")?,
            "RCPT" => {
                mail.to.push(between(rest));
                say(&mut stream, "250 ok")?;
            }
            "DATA" => {
                say(&mut stream, "354 go on")?;
                mail.text = data(&mut stream)?;
                taken.lock().push(mail.clone());
                say(&mut stream, "250 taken")?;
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "500 what?")?,
        }
    }
}

fn say(stream: &mut BufReader<impl Read + Write>, line: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
    stream.get_mut().flush()
}

fn line(stream: &mut BufReader<impl Read + Write>) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

fn data(stream: &mut BufReader<impl Read + Write>) -> std::io::Result<String> {
    let mut lines = Vec::new();
    loop {
        let line = line(stream)?;
        match line.strip_prefix('.') {
            Some("") => break,
            Some(rest) => lines.push(rest.to_owned()),
            None => lines.push(line),
        }
    }
    let text = lines.join("\n");
    // `quoted-printable` breaks lines by `=`, and writes it as `=3D`.
    Ok(if text.contains("quoted-printable") { text.replace("=\n", "").replace("=3D", "=") } else { text })
}

/// The address of `FROM:<a@b> BODY=8BITMIME`.
fn between(rest: &str) -> String {
    let inner = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

/// Where callbacks come; what came, path and body.
pub(crate) struct Callee {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl Callee {
    /// On a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let came = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                drop(answer(stream, &came));
            }
        });
        Self { address, calls }
    }

    /// An address of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        self.calls.lock().clone()
    }
}

fn answer(stream: TcpStream, calls: &Mutex<Vec<(String, String)>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = line(&mut stream)?;
    let mut length = 0;
    loop {
        let header = line(&mut stream)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let words: Vec<&str> = request.split(' ').collect();
    let path = format!("{} {}", words[0], words.get(1).unwrap_or(&""));
    calls.lock().push((path, String::from_utf8_lossy(&body).into_owned()));
    say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n")
}
