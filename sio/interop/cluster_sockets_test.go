package interop

import (
	"fmt"
	"slices"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// inside waits until exactly these clients are in a room, as their servers
// report.
func (tb *table) inside(room string, places ...string) {
	tb.t.Helper()
	want := tb.ids(places...)
	slices.Sort(want)
	wait.Until(tb.t, fmt.Sprintf("%v are in %q", places, room), func() bool {
		var got []string
		for _, m := range []member{tb.a, tb.b} {
			for id := range tb.fetch(m, target{Rooms: []string{room}, Local: true}) {
				got = append(got, id)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

// moves plays SocketsJoin and SocketsLeave.
func (tb *table) moves() {
	red := tb.rooms.red
	tb.run("join and leave by room", func() {
		one, two := tb.room(), tb.room()
		tb.do(tb.actor, "join", target{Rooms: []string{red}}, one, two)
		tb.inside(one, "a1", "b1")
		tb.inside(two, "a1", "b1")
		tb.do(tb.actor, "leave", target{Rooms: []string{one}}, two)
		tb.inside(two)
		tb.inside(one, "a1", "b1")
	})
	tb.run("join and leave by id", func() {
		room := tb.room()
		tb.do(tb.actor, "join", target{Rooms: tb.ids("a2", "b3")}, room)
		tb.inside(room, "a2", "b3")
		tb.do(tb.actor, "leave", target{Rooms: tb.ids("b3")}, room)
		tb.inside(room, "a2")
	})
	tb.run("join all but some, leave all", func() {
		room := tb.room()
		tb.do(tb.actor, "join", target{Except: []string{red}}, room)
		tb.inside(room, "a2", "a3", "b2", "b3")
		tb.do(tb.actor, "leave", target{}, room)
		tb.inside(room)
	})
	tb.run("emit to a client that has just joined", func() {
		room := tb.room()
		tb.do(tb.actor, "join", target{Rooms: tb.ids("a3", "b2")}, room)
		tb.inside(room, "a3", "b2")
		tb.reach(tb.actor, target{Rooms: []string{room}}, tb.seat("a3"), tb.seat("b2"))
		want := map[string][]event{"a3": {{"joined", nil}}, "b2": {{"joined", nil}}}
		tb.quietly(func() { tb.do(tb.actor, "emit", target{Rooms: []string{room}}, "joined") }, want)
		tb.do(tb.actor, "leave", target{}, room)
		tb.inside(room)
		tb.quietly(func() { tb.do(tb.actor, "emit", target{Rooms: []string{room}}, "joined") }, nil)
	})
	if !tb.outside() {
		tb.run("join locally", tb.joinLocally)
	}
}

func (tb *table) joinLocally() {
	room := tb.room()
	tb.do(tb.actor, "join", target{Local: true}, room)
	tb.do(tb.actor, "join", target{Rooms: tb.ids("b1")}, room) // arrives later by the same path
	tb.inside(room, "a1", "a2", "a3", "b1")
	tb.do(tb.actor, "leave", target{Local: true, Rooms: []string{room}}, room)
	tb.inside(room, "b1")
	tb.do(tb.actor, "leave", target{}, room)
	tb.inside(room)
}

// disconnects plays DisconnectSockets.
func (tb *table) disconnects() {
	for _, closes := range []bool{false, true} {
		tb.run(fmt.Sprintf("disconnect %v", closes), func() {
			room, once := tb.room(), map[string]any{"reconnection": false}
			var guests, others []*seat
			for _, at := range []member{tb.a, tb.b} {
				g := tb.sit(at, fmt.Sprint(" guest ", room), once)
				guests, others = append(guests, g), append(others, tb.chat(g))
				tb.do(at, "join", target{Rooms: []string{g.id}, Local: true}, room)
			}
			tb.do(tb.actor, "disconnect", target{Rooms: []string{room}}, closes)
			for i, g := range guests {
				g.expectText("disconnect", "io server disconnect")
				if closes {
					others[i].expect("disconnect")
				} else {
					tb.stays(others[i])
					others[i].disconnect()
				}
			}
			wait.Until(tb.t, "the guests are gone", func() bool { return len(tb.fetch(tb.a, target{})) == len(tb.seats) })
		})
	}
	if !tb.outside() {
		tb.run("disconnect locally", tb.disconnectLocally)
	}
}

func (tb *table) disconnectLocally() {
	here, there := tb.sit(tb.a, " local", map[string]any{"reconnection": false}), tb.sit(tb.b, " local", map[string]any{"reconnection": false})
	tb.do(tb.actor, "disconnect", target{Rooms: []string{here.id, there.id}, Local: true}, true)
	here.expectText("disconnect", "io server disconnect")
	tb.reach(tb.actor, target{Rooms: []string{there.id}}, there)
	tb.do(tb.actor, "disconnect", target{Rooms: []string{there.id}}, false)
	there.expectText("disconnect", "io server disconnect")
}

// stays checks that a client of /chat gets an event of its namespace.
func (tb *table) stays(s *seat) {
	tb.t.Helper()
	tb.doIn("/chat", s.at, "emit", target{Rooms: []string{s.id}, Local: true}, "stays")
	s.expectText("event", "stays")
}

// chat opens a client of /chat on the connection of another one.
func (tb *table) chat(s *seat) *seat {
	tb.t.Helper()
	c := tb.clients.open(s.name+" in chat", s.at.url()+"/chat", map[string]any{"over": s.name, "auth": map[string]any{}})
	return &seat{client: c, id: c.expect("connect").Text, at: s.at}
}
