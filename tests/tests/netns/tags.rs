//! Frames with VLAN tags, on a real interface. The frames are made and judged here whole: this needs
//! no VLAN devices, which not every kernel has.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::counted;
use igtm_tests::dns::query;
use igtm_tests::golden::frame::{SERVER_PORT, checked_reply, datagram_to, tagged, udp_at};
use igtm_tests::netns::Netns;
use igtm_tests::wait;
use igtm_tests::wire::Wire;
use igtm_tests::world::{
    DIRECT_CLIENT, DIRECT_CLIENT_INTERFACE, DIRECT_EDGE, DIRECT_INTERFACE, EDGE_V6, Place, World,
};

use crate::interfaces::both;
use crate::scene::{PATIENCE, WWW, start};

const SINGLE: &[[u16; 2]] = &[[0x8100, 7]];
/// Priority 3 in the outer tag: it is kept as well.
const DOUBLE: &[[u16; 2]] = &[[0x88a8, 3 << 13 | 8], [0x8100, 9]];
const TRIPLE: &[[u16; 2]] = &[[0x88a8, 8], [0x8100, 9], [0x8100, 10]];

/// The MAC of an interface.
fn mac(netns: &Netns, interface: &str) -> Result<[u8; 6]> {
    let text = netns.output(Command::new("ip").args(["-j", "link", "show", interface]))?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let octets = json[0]["address"].as_str().with_context(|| text.clone())?;
    let octets = octets.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Vec<u8> = octets.collect::<Result<_, _>>()?;
    octets.try_into().ok().context(text)
}

#[test]
fn tagged_frames_are_answered_and_keep_their_tags() -> Result<()> {
    let world = World::new("tags")?;
    let _other_end = world.connect_directly(Place::Other)?;
    let daemon = start(&world, &both(&world))?;
    let client = world.client(Place::Other);
    let wire = Wire::open(client, DIRECT_CLIENT_INTERFACE)?;
    let (to, from) = (
        mac(world.edge(), DIRECT_INTERFACE)?,
        mac(client, DIRECT_CLIENT_INTERFACE)?,
    );
    let frame = |source: IpAddr, server: IpAddr, message: &Message| -> Result<Vec<u8>> {
        let mut frame = datagram_to(source, server, &message.to_vec()?);
        frame[..12].copy_from_slice(&[to, from].concat());
        Ok(frame)
    };
    // Hosts ask for neighbours meanwhile.
    let is_reply = |frame: &[u8]| {
        let port = frame.get(udp_at(frame)..udp_at(frame) + 2);
        frame[6..12] == to && port == Some(&SERVER_PORT.to_be_bytes())
    };
    let families: [(IpAddr, IpAddr); 2] = [
        (DIRECT_CLIENT.into(), DIRECT_EDGE.into()),
        (Place::Other.v6(0x20).into(), EDGE_V6.into()),
    ];
    for (source, server) in families {
        for tags in [&[], SINGLE, DOUBLE] {
            for (name, kind, code, records) in [
                (WWW, "reply_answer", ResponseCode::NoError, 2),
                (
                    "absent.example.com",
                    "reply_nxdomain",
                    ResponseCode::NXDomain,
                    0,
                ),
            ] {
                let what = || format!("{name} from {source} with {} tags", tags.len());
                let before = daemon.counters(&world)?;
                let asked = tagged(
                    &frame(source, server, &query(name, RecordType::A, true)?)?,
                    tags,
                );
                wire.send(&asked)?;
                let answered = wire.receive(PATIENCE, is_reply).with_context(what)?;
                let message = checked_reply(&asked, &answered).with_context(what)?;
                let reply = Message::from_vec(message)?;
                ensure!(reply.metadata.response_code == code, "{}: {reply}", what());
                ensure!(reply.answers.len() == records, "{}: {reply}", what());
                let counted = counted(&before, &daemon.counters(&world)?);
                ensure!(counted.get(kind) == Some(&1), "{}: {counted:?}", what());
            }
        }
    }
    // More tags than the kernel looks behind.
    let before = daemon.counters(&world)?;
    let (source, server) = families[0];
    let asked = tagged(
        &frame(source, server, &query(WWW, RecordType::A, true)?)?,
        TRIPLE,
    );
    wire.send(&asked)?;
    let counted = wait::until("its counter", PATIENCE, || {
        let counted = counted(&before, &daemon.counters(&world)?);
        Ok(counted.contains_key("pass_not_ip").then_some(counted))
    })?;
    ensure!(!counted.contains_key("reply_answer"), "{counted:?}");
    let none = wire.receive(Duration::ZERO, is_reply);
    ensure!(none.is_err(), "{none:?}");
    daemon.stop()
}
