package interop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// answersOf returns the acknowledgements of clients, in no order.
func (tb *table) answersOf(places ...string) (want []any) {
	for _, p := range places {
		want = append(want, map[string]any{"from": tb.seat(p).name, "binary": []any{bytes(1, 2, 255)}})
	}
	return want
}

// unordered compares two lists and ignores their order.
func (tb *table) unordered(what string, got []json.RawMessage, want []any) {
	tb.t.Helper()
	sorted := func(v any) (texts []string) {
		list, _ := plain(v).([]any)
		for _, e := range list {
			b, _ := json.Marshal(e)
			texts = append(texts, string(b))
		}
		slices.Sort(texts)
		return texts
	}
	if g, w := sorted(got), sorted(want); !slices.Equal(g, w) {
		tb.t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// acks plays broadcasts that clients acknowledge.
func (tb *table) acks() {
	r := tb.rooms
	for _, c := range []struct {
		name  string
		to    target
		asked []string
	}{
		{"acks of a room", target{Rooms: []string{r.red}}, []string{"a1", "b1"}},
		{"acks of rooms", target{Rooms: []string{r.red, r.blue}, Except: tb.ids("b1")}, []string{"a1", "a2"}},
		{"acks from elsewhere", target{Rooms: []string{r.likeID}}, []string{"b1", "b2"}},
		{"acks of an id", target{Rooms: tb.ids("b2")}, []string{"b2"}},
		{"acks of an empty room", target{Rooms: []string{"empty"}}, nil},
	} {
		tb.run(c.name, func() {
			c.to.Timeout = 10_000
			want := map[string][]event{}
			for _, p := range c.asked {
				want[p] = []event{{"question", []any{1, bytes(9)}}}
			}
			tb.questions(want, func() {
				tb.unordered("acks", tb.do(tb.a, "emitAck", c.to, "question", 1, bytes(9)), tb.answersOf(c.asked...))
			})
		})
	}
	tb.run("acks that don't come", func() {
		want := map[string][]event{}
		for _, p := range []string{"a1", "a3", "b1", "b3"} {
			want[p] = []event{{"question", nil}}
		}
		tb.questions(want, func() {
			o := tb.a.start(call{Method: "emitAck", Target: target{Rooms: []string{r.quiz}, Timeout: 400}, Args: []any{"question"}})()
			if o.err == "" {
				tb.t.Error("no error, and two clients never answer")
			}
			tb.unordered("acks", o.args, tb.answersOf("a1", "b1"))
		})
	})
	if _, node := tb.a.(*nodeMember); node {
		return // the reference waits for other servers here, too, until its timeout
	}
	tb.run("acks locally", func() {
		to := target{Rooms: []string{r.red}, Local: true, Timeout: 10_000}
		tb.questions(map[string][]event{"a1": {{"question", nil}}}, func() {
			tb.unordered("acks", tb.do(tb.a, "emitAck", to, "question"), tb.answersOf("a1"))
		})
	})
}

// questions is quietly for broadcasts that are acknowledged. Their order is
// kept only among themselves, so the last event asks for acknowledgements, too.
func (tb *table) questions(want map[string][]event, play func()) {
	tb.t.Helper()
	tb.rounds++
	end := fmt.Sprint("end of questions ", tb.rounds)
	var answering []string
	for _, s := range tb.seats {
		if !s.deaf {
			answering = append(answering, s.id)
		}
	}
	play()
	tb.do(tb.a, "emitAck", target{Rooms: answering, Timeout: 10_000}, end)
	for _, s := range tb.seats {
		if s.deaf { // a missing event can't be told from a late one
			if n := len(want[tb.place(s)]); n > 0 {
				s.take(s.name, "event", wait.Patience, named("question"))
			}
			continue
		}
		got, _, ok := s.take(s.name, "event", wait.Patience, named(end))
		got = slices.DeleteFunc(got, func(r report) bool { return r.Text != "question" })
		if !ok || !equal(got, want[tb.place(s)]) {
			tb.t.Errorf("client %s got %s, want %v", s.name, written(got), want[tb.place(s)])
		}
	}
}

// description is a socket in a result of FetchSockets.
type description struct {
	ID        string   `json:"id"`
	Rooms     []string `json:"rooms"`
	Data      any      `json:"data"`
	Handshake struct {
		Headers map[string]any `json:"headers"`
		Query   map[string]any `json:"query"`
		Auth    map[string]any `json:"auth"`
		Address string         `json:"address"`
		URL     string         `json:"url"`
		Issued  float64        `json:"issued"`
		Time    string         `json:"time"`
		Secure  *bool          `json:"secure"`
		XDomain *bool          `json:"xdomain"`
	} `json:"handshake"`
}

// fetch returns the descriptions by the sockets' ids.
func (tb *table) fetch(m member, to target) map[string]description {
	tb.t.Helper()
	found := map[string]description{}
	for _, raw := range tb.do(m, "fetch", to) {
		var d description
		if err := json.Unmarshal(raw, &d); err != nil {
			tb.t.Fatal(err)
		}
		if _, twice := found[d.ID]; twice {
			tb.t.Errorf("%s is there twice", d.ID)
		}
		found[d.ID] = d
	}
	return found
}

// fetches plays FetchSockets and counting.
func (tb *table) fetches() {
	r := tb.rooms
	for _, c := range []struct {
		name  string
		to    target
		there []string
	}{
		{"fetch all", target{}, allPlaces},
		{"fetch a room", target{Rooms: []string{r.red}}, []string{"a1", "b1"}},
		{"fetch an odd room", target{Rooms: []string{r.odd, r.number}}, []string{"a2", "b2"}},
		{"fetch with except", target{Rooms: []string{r.red, r.blue}, Except: []string{r.red}}, []string{"a2"}},
		{"fetch an id", target{Rooms: tb.ids("b3")}, []string{"b3"}},
		{"fetch locally", target{Local: true}, []string{"a1", "a2", "a3"}},
		{"fetch an empty room", target{Rooms: []string{"empty"}}, nil},
	} {
		tb.run(c.name, func() {
			found := tb.fetch(tb.a, c.to)
			if len(found) != len(c.there) {
				tb.t.Errorf("found %d sockets, want %v", len(found), c.there)
			}
			for _, p := range c.there {
				tb.describe(found[tb.seat(p).id], p)
			}
			same(tb.t, tb.do(tb.a, "count", c.to), []any{len(c.there)})
		})
	}
}

// describe checks the description of a client.
func (tb *table) describe(d description, place string) {
	tb.t.Helper()
	s := tb.seat(place)
	want := []string{s.id}
	for room, places := range tb.rooms.members() {
		if slices.Contains(places, place) {
			want = append(want, room)
		}
	}
	slices.Sort(want)
	if got := slices.DeleteFunc(slices.Sorted(slices.Values(d.Rooms)), tb.stale); !slices.Equal(got, want) {
		tb.t.Errorf("%s is in %q, want %q", place, got, want)
	}
	data, h := map[string]any{"name": s.name, "nested": []any{1.0, nil}}, d.Handshake
	if !alike(packed(d.Data), []any{data}) || !alike(packed(h.Auth), []any{map[string]any{"data": data}}) {
		tb.t.Errorf("%s has data %v and auth %v", place, d.Data, h.Auth)
	}
	if h.Query["who"] != s.name || h.Query["EIO"] != "4" || h.Headers["x-who"] != s.name {
		tb.t.Errorf("%s has query %v and headers %v", place, h.Query, h.Headers)
	}
	if h.Address != "127.0.0.1" || !strings.HasPrefix(h.URL, "/socket.io/?") || h.Issued < 1e12 || h.Time == "" ||
		h.Secure == nil || *h.Secure || h.XDomain == nil || *h.XDomain {
		tb.t.Errorf("%s has the handshake %+v", place, h)
	}
}

// stale reports whether a room is of the other side or of an earlier cell.
func (tb *table) stale(room string) bool {
	_, mine := tb.rooms.members()[room]
	return !mine && !slices.ContainsFunc(tb.seats, func(s *seat) bool { return s.id == room })
}

// serverSides plays ServerSideEmit.
func (tb *table) serverSides() {
	others := []member{tb.b, tb.c}
	tb.run("to servers", func() {
		tb.note(others...)
		tb.do(tb.b, "serverSideEmit", target{}, "note", "back")
		tb.hears(tb.a, "note", "/", "back") // and not its own earlier event
		tb.hears(tb.c, "note", "/", "back")
	})
	tb.run("to servers that answer", func() {
		args := []any{1, map[string]any{"x": []any{2}}}
		var want []any
		for _, m := range others {
			want = append(want, map[string]any{"by": m.name(), "asked": args})
		}
		tb.unordered("answers", tb.do(tb.a, "serverSideEmitAck", target{}, append([]any{"ask"}, args...)...), want)
		for _, m := range others {
			tb.hears(m, "ask", "/", args...)
		}
	})
	tb.run("to a namespace", func() {
		answers := tb.doIn("/chat", tb.a, "serverSideEmitAck", target{}, "ask")
		var want []any
		for _, m := range others {
			want = append(want, map[string]any{"by": m.name(), "asked": []any{}})
			tb.hears(m, "ask", "/chat")
		}
		tb.unordered("answers", answers, want)
	})
}

// note emits an event that the servers others must get.
func (tb *table) note(others ...member) {
	tb.t.Helper()
	args := []any{"ключ", int64(4294967296), map[string]any{"x": []any{-0.5}}, nil}
	if tb.adapter != "pubsub" { // there it is JSON
		args = append(args, map[string]any{"b": []any{bytes(5, 6)}}, bytes())
	}
	tb.do(tb.actor, "serverSideEmit", target{}, append([]any{"note"}, args...)...)
	for _, m := range others {
		tb.hears(m, "note", "/", args...)
	}
}

// halfAnswered begins a ServerSideEmit that one of two servers answers. The
// cell that it returns waits for the outcome.
func (tb *table) halfAnswered() (cell func()) {
	actor, answering := tb.a, tb.b
	wait := actor.start(call{Method: "serverSideEmitAck", Args: []any{"half", 1}})
	return func() {
		o := wait()
		if !strings.Contains(o.err, "only 1 responses received out of 2") {
			tb.t.Errorf("error %q", o.err)
		}
		same(tb.t, o.args, []any{map[string]any{"by": answering.name(), "asked": []any{1}}})
	}
}

// hears checks the next event that a server gets from others.
func (tb *table) hears(m member, name, namespace string, args ...any) {
	tb.t.Helper()
	_, r, ok := m.events().take(m.name(), "server event", wait.Patience, func(r report) bool { return r.Text != "half" })
	if !ok || r.Text != name || !alike(r.Args, append([]any{namespace}, args...)) {
		tb.t.Fatalf("server %s hears %s%s, want %s%v", m.name(), r.Text, r.Args, name, args)
	}
}
