//! In a large room not everybody is told of everybody.

use crate::support::Server;

const CONFIG: &str = "server.guests = true\nserver.lobby = \"\"\nlimits.large_room = 2\n";

#[test]
fn joining_a_large_room_is_announced_with_the_first_message() {
    let server = Server::start(CONFIG);
    let (mut ann, mut bob, mut eve) =
        (server.guest("ann"), server.guest("bob"), server.guest("eve"));
    for client in [&mut ann, &mut bob, &mut eve] {
        client.send("JOIN #big");
        client.until(":parlor 366 * #big :*");
    }
    ann.expect(":bob!~*@c-*.parlor JOIN #big");
    ann.expect_quiet(); // Nothing of eve, who came third.
    ann.send("NAMES #big");
    ann.expect(":parlor 353 ann = #big :@ann bob eve");
    ann.expect(":parlor 366 ann #big :*");
    eve.send("PRIVMSG #big :hello");
    for client in [&mut ann, &mut bob] {
        client.expect(":eve!~*@c-*.parlor JOIN #big");
        client.expect(":eve!~*@c-*.parlor PRIVMSG #big :hello");
    }
    eve.expect_quiet(); // She knows that she is there.
    eve.send("QUIT");
    for client in [&mut ann, &mut bob] {
        client.expect(":eve!~*@c-*.parlor QUIT :*");
    }
}

#[test]
fn leaving_a_large_room_without_a_message_is_not_announced() {
    let server = Server::start(CONFIG);
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    let (mut eve, mut fay) = (server.guest("eve"), server.guest("fay"));
    for client in [&mut ann, &mut bob, &mut eve, &mut fay] {
        client.send("JOIN #big");
        client.until(":parlor 366 * #big :*");
    }
    ann.expect(":bob!~*@c-*.parlor JOIN #big");
    eve.send("PART #big");
    eve.expect(":eve!~*@c-*.parlor PART #big");
    fay.send("QUIT");
    fay.expect("ERROR :Quit");
    fay.expect_closed();
    ann.expect_quiet();
    // What is done to somebody unknown makes them known first.
    let mut gil = server.guest("gil");
    gil.send("JOIN #big");
    gil.expect(":gil!~*@c-*.parlor JOIN #big");
    gil.expect(":parlor 353 gil = #big :@ann bob gil");
    gil.until(":parlor 366 gil #big :*");
    ann.send("KICK #big gil");
    for client in [&mut ann, &mut bob] {
        client.expect(":gil!~*@c-*.parlor JOIN #big");
        client.expect(":ann!~*@c-*.parlor KICK #big gil :ann");
    }
    gil.expect(":ann!~*@c-*.parlor KICK #big gil :ann");
}
