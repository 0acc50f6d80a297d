//! DNS messages: builds queries and interprets answers.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::super::{Family, Resolved};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// A size that fits any path without fragmentation (DNS flag day 2020, RFC 9715 §3).
const MAX_PAYLOAD: u16 = 1232;

/// Longest chain of CNAMEs followed. Resolvers stop at 8 to 16.
const MAX_ALIASES: usize = 16;

/// The question for the addresses of one name in one family.
#[derive(Clone, Debug)]
pub(super) struct Question {
    name: Name,
    record: RecordType,
}

/// The meaning of a message from the DNS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The addresses, or why there are none.
    Answer(Result<Resolved, Failure>),
    /// The answer doesn't fit into a datagram (RFC 1035 §4.2.1).
    Truncated,
    /// The server may not understand EDNS; ask again without (RFC 6891 §7). If the query had none, this
    /// failure is the answer.
    AskPlainly(Failure),
    /// The message is not an answer to this question.
    Unreadable(Failure),
}

impl Question {
    /// Asks for exactly `host`, without a search list and without special names (RFC 6761).
    ///
    /// # Errors
    ///
    /// [`FailureKind::Other`] unless the name has labels of 1 to 63 bytes, 255 in total (RFC 1035 §3.1).
    pub(super) fn new(host: &str, family: Family) -> Result<Self, Failure> {
        let labels = host.strip_suffix('.').unwrap_or(host).split('.');
        let name = Name::from_labels(labels.map(str::as_bytes)).map_err(|error| {
            let failure = Failure::new(Phase::Resolve, FailureKind::Other);
            failure.with_message(format_args!("not a host name: {error}"))
        })?;
        let record = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        Ok(Question { name, record })
    }

    /// Encodes the query.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Other`] if it can't be encoded, which can't happen for a name from [`new`](Self::new).
    pub(super) fn query(&self, id: u16, edns: bool) -> Result<Vec<u8>, Failure> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.record));
        if edns {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_PAYLOAD);
            message.set_edns(edns);
        }
        let other = |error| {
            let failure = Failure::new(Phase::Resolve, FailureKind::Other);
            failure.with_message(error)
        };
        message.to_vec().map_err(other)
    }

    /// Interprets a message with the query's ID.
    pub(super) fn read(&self, message: &[u8]) -> Said {
        self.try_read(message)
            .unwrap_or_else(|why| Said::Unreadable(malformed(&why)))
    }

    fn try_read(&self, message: &[u8]) -> Result<Said, String> {
        let mut decoder = BinDecoder::new(message);
        let header = Header::read(&mut decoder).map_err(|error| error.to_string())?;
        if header.message_type != MessageType::Response || header.op_code != OpCode::Query {
            return Err("not an answer to a query".to_owned());
        }
        let questions = Message::read_queries(&mut decoder, header.counts.queries.into())
            .map_err(|error| format!("its question: {error}"))?;
        match questions.as_slice() {
            [] if header.response_code != ResponseCode::NoError => {
                return Ok(Said::AskPlainly(failure_of(header.response_code)));
            }
            [] if header.truncation => return Ok(Said::Truncated),
            [] => return Err("an answer without its question".to_owned()),
            [one] if self.is(one) => {}
            _ => return Err("an answer to another question".to_owned()),
        }
        if header.truncation {
            return Ok(Said::Truncated);
        }
        let mut records = |count: u16, additional| {
            Message::read_records(&mut decoder, count.into(), additional, header.op_code)
        };
        let (answers, ..) = records(header.counts.answers, false)
            .map_err(|error| format!("its answers: {error}"))?;
        // The other sections are optional: errors in them are ignored.
        let authorities = records(header.counts.authorities, false);
        let edns = match &authorities {
            Ok(_) => records(header.counts.additionals, true).ok(),
            Err(_) => None,
        };
        let mut metadata = header.metadata;
        if let Some((_, Some(edns), _)) = &edns {
            metadata.merge_response_code(edns.rcode_high());
        }
        let refers = |(authorities, ..): &(Vec<Record>, _, _)| {
            let to = |one: &Record| one.record_type() == RecordType::NS;
            !metadata.authoritative && !metadata.recursion_available && authorities.iter().any(to)
        };
        Ok(match metadata.response_code {
            ResponseCode::NoError => match self.addresses(&answers) {
                None if authorities.as_ref().is_ok_and(refers) => {
                    let refused = Failure::new(Phase::Resolve, FailureKind::Refused);
                    Said::Answer(Err(
                        refused.with_message("the DNS server only refers to other servers")
                    ))
                }
                None => Said::Answer(Err(Failure::new(Phase::Resolve, FailureKind::NoAddress))),
                Some(found) => Said::Answer(Ok(found)),
            },
            code @ (ResponseCode::FormErr
            | ResponseCode::NotImp
            | ResponseCode::BADVERS
            | ResponseCode::BADSIG) => Said::AskPlainly(failure_of(code)),
            code => Said::Answer(Err(failure_of(code))),
        })
    }

    fn is(&self, question: &Query) -> bool {
        // hickory compares names without case (RFC 4343).
        question.name == self.name
            && question.query_type == self.record
            && question.query_class == DNSClass::IN
    }

    /// The addresses of the name, or of the name it is an alias of, anywhere in the answer.
    fn addresses(&self, answers: &[Record]) -> Option<Resolved> {
        let mut name = &self.name;
        let mut ttl = u32::MAX;
        for _ in 0..=MAX_ALIASES {
            let of_name = answers.iter().filter(|one| one.name == *name);
            let addresses = of_name.clone().filter_map(|one| {
                let is_it = one.record_type() == self.record && one.dns_class == DNSClass::IN;
                Some((one.data.ip_addr().filter(|_| is_it)?, one.ttl))
            });
            let (addresses, ttls): (Vec<IpAddr>, Vec<u32>) = addresses.unzip();
            if let Some(least) = ttls.into_iter().min() {
                let ttl = Duration::from_secs(least.min(ttl).into());
                return Some(Resolved::new(addresses).with_ttl(ttl));
            }
            let alias = of_name.filter_map(|one| match &one.data {
                RData::CNAME(alias) => Some((&alias.0, one.ttl)),
                _ => None,
            });
            let (target, its_ttl) = alias.into_iter().next()?;
            (name, ttl) = (target, ttl.min(its_ttl));
        }
        None
    }
}

/// The ID of a message; `None` if the message is too short.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    let (id, _) = message.split_first_chunk()?;
    Some(u16::from_be_bytes(*id))
}

/// The failure for a message that can't be read as an answer.
pub(super) fn malformed(why: &str) -> Failure {
    Failure::new(Phase::Resolve, FailureKind::Malformed).with_message(why)
}

fn failure_of(code: ResponseCode) -> Failure {
    let kind = match code {
        ResponseCode::NXDomain => FailureKind::NotFound,
        ResponseCode::ServFail => FailureKind::ServerFailure,
        ResponseCode::Refused => FailureKind::Refused,
        _ => FailureKind::Other,
    };
    Failure::new(Phase::Resolve, kind).with_message(code)
}

/// Interprets any bytes as an answer and checks invariants, for the fuzz target and for the test that
/// replays its corpus.
#[cfg(any(test, fuzzing))]
pub(crate) fn replay(answer: &[u8]) {
    for family in [Family::V4, Family::V6] {
        let question = Question::new("im.example.com", family).expect("a name");
        let said = question.read(answer);
        assert_eq!(said, question.read(answer), "the same bytes say the same");
        match said {
            Said::Answer(Ok(found)) => {
                assert!(!found.addresses.is_empty());
                assert!(found.addresses.iter().all(|ip| Family::of(*ip) == family));
                // A record with an address has at least 16 bytes (RFC 1035 §4.1.3).
                assert!(found.addresses.len() <= answer.len() / 16, "made up");
                assert!(found.ttl.is_some());
            }
            Said::Truncated => {}
            Said::Answer(Err(failure)) | Said::AskPlainly(failure) | Said::Unreadable(failure) => {
                assert_eq!(failure.phase(), Phase::Resolve);
                let told = failure.to_string();
                let odd = |c: &char| c.is_control() || "\u{2028}\u{202e}\u{2066}".contains(*c);
                assert_eq!(told.chars().find(odd), None, "{told:?}");
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// An answer that repeats the query's question, with these counts of answers, authorities and
    /// additional records, followed by `rest`.
    pub(in super::super) fn answer(
        query: &[u8],
        flags: [u8; 2],
        counts: [u16; 3],
        rest: &[u8],
    ) -> Vec<u8> {
        let mut message = query[..2].to_vec();
        message.extend(flags);
        message.extend([0, 1]);
        message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        message.extend(question_of(query));
        message.extend(rest);
        message
    }

    /// The question of a query: name, type, class.
    pub(in super::super) fn question_of(query: &[u8]) -> &[u8] {
        let name = query[12..].iter().position(|b| *b == 0).unwrap();
        &query[12..12 + name + 5]
    }

    /// An A record for the name at this offset in the message.
    pub(in super::super) fn a_record(name_at: u8, ttl: u8, ip: [u8; 4]) -> Vec<u8> {
        let mut record = vec![0xc0, name_at, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4];
        record.extend(ip);
        record
    }

    fn asked() -> (Question, Vec<u8>) {
        let question = Question::new("im.example.com", Family::V4).unwrap();
        let query = question.query(7, true).unwrap();
        (question, query)
    }

    fn kind(said: Said) -> FailureKind {
        match said {
            Said::Answer(Err(failure)) => failure.kind(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_name_is_asked_as_it_is() {
        for host in [
            "a_b.example_.com",
            "localhost",
            "x.invalid",
            "x.onion",
            "printer.local",
            "*.x",
        ] {
            let query = Question::new(host, Family::V6)
                .unwrap()
                .query(7, false)
                .unwrap();
            let labels = host.split('.').flat_map(|label| {
                std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes())
            });
            let mut expected: Vec<u8> = labels.collect();
            expected.extend([0, 0, 28, 0, 1]);
            assert_eq!(question_of(&query), expected, "{host}");
            // Recursion desired; one question, nothing else.
            assert_eq!(query[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
            assert_eq!(query.len(), 12 + expected.len());
        }
        let dotted = Question::new("x.example.", Family::V4).unwrap();
        assert_eq!(
            dotted.name,
            Question::new("x.example", Family::V4).unwrap().name
        );
        for bad in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
            assert!(Question::new(bad, Family::V4).is_err(), "{bad}");
        }
    }

    #[test]
    fn aliases_are_followed_in_any_order() {
        let (question, query) = asked();
        // "edge" below the question's "example.com" (at 15), which is at 12 + 3.
        let mut alias = vec![0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 30, 0, 7];
        alias.extend([4, b'e', b'd', b'g', b'e', 0xc0, 15]);
        let of_edge =
            |alias_at: usize| a_record(u8::try_from(alias_at).unwrap(), 60, [203, 0, 114, 7]);
        let start = answer(&query, [0x81, 0x80], [0; 3], &[]).len();
        let before = [alias.clone(), of_edge(start + 12)].concat();
        let mut after = vec![4, b'e', b'd', b'g', b'e'];
        after.extend(a_record(15, 60, [203, 0, 114, 7]));
        after.extend(&alias);
        for records in [before, after] {
            let said = question.read(&answer(&query, [0x81, 0x80], [2, 0, 0], &records));
            let found = Resolved::new(vec![[203, 0, 114, 7].into()]);
            let found = found.with_ttl(Duration::from_secs(30));
            assert_eq!(said, Said::Answer(Ok(found)));
        }
        // A dangling alias, an alias of itself, and the address of another name.
        let itself = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 30, 0, 2, 0xc0, 12];
        for (count, records) in [
            (1, alias),
            (1, itself.to_vec()),
            (1, a_record(15, 60, [1; 4])),
        ] {
            let said = question.read(&answer(&query, [0x81, 0x80], [count, 0, 0], &records));
            assert_eq!(kind(said), FailureKind::NoAddress);
        }
    }

    #[test]
    fn answers_without_an_address_are_told_apart() {
        let (question, query) = asked();
        for (code, expected) in [
            (0, FailureKind::NoAddress),
            (2, FailureKind::ServerFailure),
            (3, FailureKind::NotFound),
            (5, FailureKind::Refused),
            (9, FailureKind::Other),
        ] {
            let said = question.read(&answer(&query, [0x81, 0x80 | code], [0; 3], &[]));
            assert_eq!(kind(said), expected, "code {code}");
        }
        // A referral from a server without recursion, and from one with it.
        let elsewhere = [0xc0, 15, 0, 2, 0, 1, 0, 0, 0, 30, 0, 2, 0xc0, 12];
        for (flags, expected) in [(0, FailureKind::Refused), (0x80, FailureKind::NoAddress)] {
            let said = question.read(&answer(&query, [0x81, flags], [0, 1, 0], &elsewhere));
            assert_eq!(kind(said), expected);
        }
    }

    #[test]
    fn a_server_that_knows_no_edns_is_asked_plainly() {
        let (question, query) = asked();
        // A bare header, as from old servers and home routers.
        for code in [1, 2, 4, 5] {
            let header = [
                query[0],
                query[1],
                0x81,
                0x80 | code,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ];
            assert!(
                matches!(question.read(&header), Said::AskPlainly(_)),
                "code {code}"
            );
        }
        for code in [1, 4] {
            let said = question.read(&answer(&query, [0x81, 0x80 | code], [0; 3], &[]));
            assert!(matches!(said, Said::AskPlainly(_)), "code {code}");
        }
        // BADVERS is 16: 1 in the OPT record, 0 in the header (RFC 6891 §6.1.3).
        let opt = [0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0];
        let said = question.read(&answer(&query, [0x81, 0x80], [0, 0, 1], &opt));
        assert!(matches!(said, Said::AskPlainly(_)), "{said:?}");
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_unreadable() {
        let (question, query) = asked();
        let whole = answer(
            &query,
            [0x81, 0x80],
            [1, 0, 0],
            &a_record(12, 60, [203, 0, 114, 7]),
        );
        assert!(matches!(question.read(&whole), Said::Answer(Ok(_))));
        for end in 0..whole.len() {
            let said = question.read(&whole[..end]);
            assert!(matches!(said, Said::Unreadable(_)), "{end} bytes: {said:?}");
        }
        let mut other_name = whole.clone();
        other_name[13] = b'x';
        let mut other_type = whole.clone();
        other_type[12 + 17] = 28;
        let mut echoed = whole.clone();
        echoed[2] = 1;
        let headless = [query[0], query[1], 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
        for odd in [
            &other_name,
            &other_type,
            &echoed,
            &query,
            headless.as_slice(),
        ] {
            match question.read(odd) {
                Said::Unreadable(failure) => assert_eq!(failure.kind(), FailureKind::Malformed),
                other => panic!("{other:?}"),
            }
        }
        // The case of the name doesn't matter, nor does anything after the answers.
        let mut upper = whole.clone();
        upper[13..15].make_ascii_uppercase();
        assert!(matches!(question.read(&upper), Said::Answer(Ok(_))));
        let mut odd_end = whole;
        odd_end[9] = 3;
        odd_end.extend([0xff; 5]);
        assert!(matches!(question.read(&odd_end), Said::Answer(Ok(_))));
    }

    #[test]
    fn a_truncated_answer_says_so() {
        let (question, query) = asked();
        let said = question.read(&answer(&query, [0x83, 0x80], [9, 0, 0], &[0xc0]));
        assert_eq!(said, Said::Truncated);
    }

    #[test]
    fn answers_on_file_are_played_again() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/dns");
        let mut played = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let data = fs::read(&file).unwrap();
            let played_well = std::panic::catch_unwind(|| replay(&data)).is_ok();
            assert!(played_well, "{}", file.display());
            played += 1;
        }
        assert!(played > 0, "nothing is on file");
    }
}
