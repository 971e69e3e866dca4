//! A request as the query of a URL: how `igtm explain --live` asks the daemon.

use std::borrow::Cow;
use std::str::FromStr;

use hickory_proto::rr::RecordType;
use url::form_urlencoded;

use super::{Request, parse_address, parse_name, text};

/// Most addresses that one request takes as down.
const MOST_DOWN: usize = 1_000;

impl Request {
    /// `name=…&type=…&client=…`.
    pub fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", &text::of_name(&self.name));
        query.append_pair("type", &self.qtype.to_string());
        query.append_pair("client", &self.client.to_string());
        if let Some(ecs) = &self.ecs {
            query.append_pair("ecs", &ecs.to_string());
        }
        for down in &self.down {
            query.append_pair("down", &down.to_string());
        }
        query.finish()
    }

    /// Reads what [`Self::to_query`] writes; `type` is A when it is not there.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_pairs<'a>(
        pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, String> {
        let (mut name, mut qtype, mut client) = (None, RecordType::A, None);
        let (mut ecs, mut down) = (None, Vec::new());
        for (key, value) in pairs {
            let wrong = |what: &str| format!("`{key}` is {value:?}; it must be {what}");
            match &*key {
                "name" => name = Some(parse_name(&value).map_err(|_| wrong("a name"))?),
                "type" => {
                    let parsed = RecordType::from_str(&value.to_uppercase());
                    qtype = parsed.map_err(|_| wrong("a type of records"))?;
                }
                "client" => client = Some(value.parse().map_err(|_| wrong("an IP address"))?),
                "ecs" => ecs = Some(value.parse().map_err(|_| wrong("a prefix"))?),
                "down" if down.len() == MOST_DOWN => {
                    return Err(format!("`down` is there more than {MOST_DOWN} times"));
                }
                "down" => down.push(parse_address(&value).map_err(|_| wrong("an address"))?),
                _ => return Err(format!("there is no parameter `{key}`")),
            }
        }
        Ok(Self {
            name: name.ok_or("`name` is missing")?,
            qtype,
            client: client.ok_or("`client` is missing")?,
            ecs,
            down,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Request, String> {
        Request::from_pairs(form_urlencoded::parse(query.as_bytes()))
    }

    #[test]
    fn what_is_written_is_read() {
        for query in [
            "name=www.example.com&type=A&client=192.0.2.1",
            "name=www.example.com&type=AAAA&client=2001%3Adb8%3A%3A1&ecs=192.0.2.0%2F24&down=192.0.2.1&down=cdn.example.net",
        ] {
            assert_eq!(read(query).expect("it is good").to_query(), query);
        }
        let short = read("client=192.0.2.1&name=WWW.example.com.").expect("it is good");
        assert_eq!(
            short.to_query(),
            "name=www.example.com&type=A&client=192.0.2.1"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (query, expected) in [
            ("client=192.0.2.1", "`name` is missing"),
            ("name=x", "`client` is missing"),
            (
                "name=x&client=x",
                "`client` is \"x\"; it must be an IP address",
            ),
            (
                "name=x&client=192.0.2.1&type=b",
                "`type` is \"b\"; it must be a type of records",
            ),
            ("nam=x", "there is no parameter `nam`"),
        ] {
            assert_eq!(read(query).expect_err("it is not"), expected);
        }
    }
}
