//! A user's browser: it keeps cookies, follows nothing by itself, and finds the servers behind their public address.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{PATIENCE, Wren};

/// An answer to a browser.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Page {
    /// Returns the values of a header, whose name is given in small letters.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter_map(move |(other, value)| other.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// Returns where the browser is sent on.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        self.headers("location").next().unwrap_or_else(|| panic!("it leads nowhere: {self:?}"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens an address of the platform, which one of its servers answers.
    pub(crate) fn get(&mut self, server: &Wren, address: &str) -> Page {
        self.send(server, "GET", address, "")
    }

    /// Sends a form to an address of the platform.
    pub(crate) fn post(&mut self, server: &Wren, address: &str, form: &str) -> Page {
        self.send(server, "POST", address, form)
    }

    fn send(&mut self, server: &Wren, method: &str, address: &str, form: &str) -> Page {
        let path = address.strip_prefix(super::PUBLIC_URL).unwrap_or_else(|| panic!("{address} is not the platform's"));
        let host = server.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{cookies}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let page = Page { status, head: head.to_owned(), body: body.to_owned() };
        for cookie in page.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        // One that is deleted comes as an empty one.
        self.cookies.retain(|_, value| !value.is_empty());
        page
    }
}
