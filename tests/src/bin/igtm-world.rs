//! Makes a network, names it, and waits to be interrupted: what the harness's own tests end by
//! signals. Ends by itself after a minute.

use std::time::Duration;

use anyhow::Result;
use igtm_tests::wait;
use igtm_tests::world::World;

fn main() -> Result<()> {
    let world = World::new("wait")?;
    println!("world {}", world.prefix());
    wait::pause(Duration::from_secs(60));
    Ok(())
}
