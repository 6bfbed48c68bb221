package interop

import (
	"strings"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// rooms are names of rooms. Each server that acts has its own: they end with
// its side.
type rooms struct{ red, blue, quiz, number, odd, likeID string }

func roomsOf(side string) rooms {
	return rooms{
		red: "red" + side, blue: "blue" + side, quiz: "quiz" + side, number: "4" + side,
		odd:    "ключ #1#*[?]\\ \"🗝\"" + side, // with characters that Redis and JSON treat specially
		likeID: "nineteen characters" + side,  // as long as a socket's id
	}
}

// members returns the places of the clients in each room.
func (r rooms) members() map[string][]string {
	return map[string][]string{
		r.red: {"a1", "b1"}, r.blue: {"a2", "b1"}, r.number: {"a2", "b2"}, r.odd: {"b2"}, r.likeID: {"b1", "b2"},
		r.quiz: {"a1", "a3", "b1", "b3"},
	}
}

// allPlaces are the places of all clients.
var allPlaces = []string{"a1", "a2", "a3", "b1", "b2", "b3"}

// fill puts the clients of the table into rooms.
func (tb *table) fill(r rooms) {
	tb.t.Helper()
	tb.rooms = r
	for room, places := range r.members() {
		var seats []*seat
		for _, p := range places {
			s := tb.seat(p)
			seats = append(seats, s)
			tb.do(s.at, "join", target{Rooms: []string{s.id}, Local: true}, room)
		}
		for _, m := range []member{tb.a, tb.b} {
			tb.reach(m, target{Rooms: []string{room}}, seats...)
		}
	}
}

// broadcasts plays broadcasts of all kinds.
func (tb *table) broadcasts() {
	yes, no, r := true, false, tb.rooms
	for _, c := range []struct {
		name    string
		to      func() target
		reached []string
	}{
		{"to all", func() target { return target{} }, allPlaces},
		{"to a room", func() target { return target{Rooms: []string{r.red}} }, []string{"a1", "b1"}},
		{"to rooms that overlap", func() target { return target{Rooms: []string{r.red, r.blue}} }, []string{"a1", "a2", "b1"}},
		{"to an empty room", func() target { return target{Rooms: []string{"empty"}} }, nil},
		{"to a number", func() target { return target{Rooms: []string{r.number}} }, []string{"a2", "b2"}},
		{"to an odd room", func() target { return target{Rooms: []string{r.odd}} }, []string{"b2"}},
		{"to a room like an id", func() target { return target{Rooms: []string{r.likeID}} }, []string{"b1", "b2"}},
		{"except a room", func() target { return target{Except: []string{r.red}} }, []string{"a2", "a3", "b2", "b3"}},
		{"to rooms except one", func() target { return target{Rooms: []string{r.red, r.number}, Except: []string{r.blue}} }, []string{"a1", "b2"}},
		{"to an id", func() target { return target{Rooms: tb.ids("b1")} }, []string{"b1"}},
		{"to an own id", func() target { return target{Rooms: tb.ids("a2")} }, []string{"a2"}},
		{"to ids", func() target { return target{Rooms: tb.ids("a3", "b2", "b3")} }, []string{"a3", "b2", "b3"}},
		{"except ids", func() target { return target{Rooms: []string{r.red, r.blue}, Except: tb.ids("a1", "b1")} }, []string{"a2"}},
		{"locally", func() target { return target{Local: true} }, []string{"a1", "a2", "a3"}},
		{"locally to a room", func() target { return target{Local: true, Rooms: []string{r.blue}} }, []string{"a2"}},
		{"uncompressed", func() target { return target{Compress: &no, Rooms: []string{r.red}} }, []string{"a1", "b1"}},
		{"compressed", func() target { return target{Compress: &yes} }, allPlaces},
	} {
		if tb.outside() && c.to().Local {
			continue
		}
		tb.run(c.name, func() {
			want := map[string][]event{}
			for _, p := range c.reached {
				want[p] = []event{{c.name, []any{1.5, bytes(0, 128)}}}
			}
			tb.quietly(func() { tb.do(tb.actor, "emit", c.to(), c.name, 1.5, bytes(0, 128)) }, want)
		})
	}
	tb.run("volatile", tb.volatile)
	tb.run("arguments", tb.arguments)
	tb.run("order", tb.order)
	tb.run("in a namespace", tb.namespaces)
}

// namespaces checks that each namespace gets only its own events.
func (tb *table) namespaces() {
	tb.quietly(func() {
		tb.doIn("/chat", tb.actor, "emit", target{}, "chat", bytes(1))
		tb.doIn("/chat", tb.actor, "emit", target{Rooms: []string{tb.rooms.red}}, "empty")
	}, nil)
	tb.do(tb.actor, "emit", target{}, "main")
	tb.doIn("/chat", tb.actor, "emit", target{Rooms: []string{tb.chats[0].id, tb.chats[1].id}}, "chat ends")
	for _, s := range tb.chats {
		s.expectEvent("chat", bytes(1))
		s.expectEvent("chat ends")
	}
}

// volatile repeats a volatile packet until each client has got one.
func (tb *table) volatile() {
	missing := tb.seats
	wait.Until(tb.t, "each client gets a volatile packet", func() bool {
		tb.do(tb.actor, "emit", target{Volatile: true}, "volatile", bytes(7))
		var still []*seat
		for _, s := range missing {
			_, r, ok := s.take(s.name, "event", 100*time.Millisecond, named("volatile"))
			if !ok {
				still = append(still, s)
			} else if !alike(r.Args, []any{bytes(7)}) {
				tb.t.Errorf("client %s got %s", s.name, r.Args)
			}
		}
		missing = still
		return len(missing) == 0
	})
}

// arguments sends values that encodings may change.
func (tb *table) arguments() {
	lists := [][]any{
		{},
		{nil, true, false, 0, -1, 127, -128, 255, 65536, -32769},
		{int64(1) << 31, -int64(1)<<31 - 1, int64(1) << 32, int64(1)<<53 - 1, -int64(1)<<53 + 1, -1.5e-7, 0.1},
		{"", "ключ", "🗝\u0000\u001f\u2028\u007f", "\"\\/", strings.Repeat("é", 300)},
		{[]any{}, map[string]any{}, []any{[]any{nil, []any{}}}, map[string]any{"": map[string]any{"ключ.$": nil}}},
		{bytes(), bytes(1), map[string]any{"a": []any{bytes(2, 3), map[string]any{"b": bytes(255)}}, "n": 4}, "between", bytes(make([]byte, 300)...)},
		{map[string]any{"_placeholder": true, "num": "no"}},
	}
	if _, node := tb.actor.(*nodeMember); !node {
		lists = append(lists, []any{1e21, -1e300}) // the reference's MessagePack garbles them
	}
	for _, args := range lists {
		want := map[string][]event{}
		for _, p := range allPlaces {
			want[p] = []event{{"arguments", args}}
		}
		tb.quietly(func() { tb.do(tb.actor, "emit", target{}, append([]any{"arguments"}, args...)...) }, want)
	}
	big := []any{strings.Repeat("x", 70_000), bytes(make([]byte, 70_000)...)}
	tb.quietly(func() {
		tb.do(tb.actor, "emit", target{Rooms: tb.ids("b1")}, append([]any{"big"}, big...)...)
	}, map[string][]event{"b1": {{"big", big}}})
	// A date arrives as text with milliseconds.
	want := map[string][]event{"b1": {{"dates", []any{"2026-11-27T12:34:56.789Z", []any{"1969-12-31T23:59:59.999Z"}}}}}
	tb.quietly(func() {
		tb.do(tb.actor, "emit", target{Rooms: tb.ids("b1")}, "dates", date(1795782896789), []any{date(-1)})
	}, want)
}

// order sends many events to different targets. They arrive in order.
func (tb *table) order() {
	r := tb.rooms
	want := map[string][]event{}
	tb.quietly(func() {
		for i := range 40 {
			to := []target{{}, {Rooms: []string{r.red}}, {Rooms: tb.ids("b1")}, {Rooms: []string{r.red, r.blue}}}[i%4]
			args := []any{i}
			if i%3 == 0 {
				args = append(args, bytes(byte(i)))
			}
			tb.do(tb.actor, "emit", to, append([]any{"order"}, args...)...)
			reached := [][]string{allPlaces, {"a1", "b1"}, {"b1"}, {"a1", "a2", "b1"}}[i%4]
			for _, p := range reached {
				want[p] = append(want[p], event{"order", args})
			}
		}
	}, want)
}
