package interop

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// table has the three servers of one cluster on which the cells of the matrix
// are played. Two of them have the same clients. Server a acts; names with "b"
// mean clients of b. Later the two change places.
type table struct {
	t       *testing.T
	a, b, c member // c has no clients
	actor   member // a, or an emitter
	nodes   *driver
	clients *driver
	seats   []*seat
	chats   []*seat // clients of /chat, one at a and one at b
	adapter string

	rooms  rooms // of the actor
	rounds int
}

// seat is a client of the table.
type seat struct {
	*client
	id   string
	at   member
	deaf bool // it acknowledges nothing
}

// swap lets b act.
func (tb *table) swap() { tb.a, tb.b, tb.actor = tb.b, tb.a, tb.b }

// outside reports whether an emitter acts.
func (tb *table) outside() bool { return tb.actor != tb.a }

// run plays a cell.
func (tb *table) run(name string, cell func()) {
	outer := tb.t
	outer.Run(name, func(t *testing.T) {
		tb.in(t)
		defer tb.in(outer)
		cell()
	})
}

// in has failures reported to t.
func (tb *table) in(t *testing.T) { tb.t, tb.nodes.t, tb.clients.t = t, t, t }

// do makes a member carry out a call that must not fail.
func (tb *table) do(m member, method string, to target, args ...any) []json.RawMessage {
	tb.t.Helper()
	return tb.doIn("/", m, method, to, args...)
}

// doIn is do in another namespace.
func (tb *table) doIn(namespace string, m member, method string, to target, args ...any) []json.RawMessage {
	tb.t.Helper()
	o := m.start(call{Method: method, Namespace: namespace, Target: to, Args: args})()
	if o.err != "" {
		tb.t.Fatalf("%s: %s: %s", m.name(), method, o.err)
	}
	return o.args
}

// seat returns a client by its place: "a1" is the first client of the server
// that acts.
func (tb *table) seat(place string) *seat {
	tb.t.Helper()
	at := map[byte]member{'a': tb.a, 'b': tb.b}[place[0]]
	for _, s := range tb.seats {
		if s.at == at && strings.HasSuffix(s.name, place[1:]) {
			return s
		}
	}
	tb.t.Fatalf("there is no client %s", place)
	panic("unreachable")
}

// sit opens a client at a server. Its name is the server's and the number.
func (tb *table) sit(at member, number string, options map[string]any) *seat {
	tb.t.Helper()
	name := at.name() + number
	all := map[string]any{
		"transports":   []string{"websocket"},
		"auth":         map[string]any{"data": map[string]any{"name": name, "nested": []any{1, nil}}},
		"query":        map[string]any{"who": name},
		"extraHeaders": map[string]any{"x-who": name},
		"answer":       map[string]any{"from": name, "binary": []any{bytes(1, 2, 255)}},
	}
	for k, v := range options {
		all[k] = v
	}
	answer, said := all["answer"]
	c := tb.clients.open(name, at.url(), all)
	return &seat{client: c, id: c.expect("connect").Text, at: at, deaf: said && answer == nil}
}

// reach waits until all of seats get what m emits. At first servers may not
// know of each other, or of each other's rooms.
func (tb *table) reach(m member, to target, seats ...*seat) {
	tb.t.Helper()
	tb.reachIn("/", m, to, seats...)
}

func (tb *table) reachIn(namespace string, m member, to target, seats ...*seat) {
	tb.t.Helper()
	wait.Until(tb.t, fmt.Sprintf("clients get what %s emits to %v", m.name(), to), func() bool {
		tb.rounds++
		probe := "probe " + strconv.Itoa(tb.rounds)
		tb.doIn(namespace, m, "emit", to, probe)
		return !slices.ContainsFunc(seats, func(s *seat) bool {
			_, _, ok := s.take(s.name, "event", 30*time.Millisecond, named(probe))
			return !ok
		})
	}) // earlier events have arrived or are lost
}

// event is one that a client should get.
type event struct {
	name string
	args []any
}

// offset matches the argument that servers with recovery append to an event.
var offset = regexp.MustCompile(`^"[0-9]+-[0-9]+"$`)

// quietly calls play, after which each client must get the events of want,
// which has them by place, in order, and no others. The actor emits an event
// before and one after them, and its events arrive in order, so any other event
// is noticed.
func (tb *table) quietly(play func(), want map[string][]event) {
	tb.t.Helper()
	tb.rounds++
	begin, end := fmt.Sprint("begin ", tb.rounds), fmt.Sprint("end ", tb.rounds)
	tb.do(tb.actor, "emit", target{}, begin)
	for _, s := range tb.seats {
		if _, _, ok := s.take(s.name, "event", wait.Patience, named(begin)); !ok {
			tb.t.Fatalf("client %s: no %q; it reported %v", s.name, begin, s.reported(s.name))
		}
	}
	play()
	tb.do(tb.actor, "emit", target{}, end)
	for _, s := range tb.seats {
		got, _, ok := s.take(s.name, "event", wait.Patience, named(end))
		if !ok {
			tb.t.Fatalf("client %s: no %q; it reported %v", s.name, end, s.reported(s.name))
		}
		if list := want[tb.place(s)]; !equal(got, list) {
			tb.t.Errorf("client %s got %s, want %v", s.name, written(got), list)
		}
	}
}

// place returns the place of a client: see seat.
func (tb *table) place(s *seat) string {
	side := "a"
	if s.at == tb.b {
		side = "b"
	}
	return side + s.name[len(s.name)-1:]
}

func named(name string) func(r report) bool {
	return func(r report) bool { return r.Text == name }
}

// equal reports whether a client's reports are the events of want.
func equal(got []report, want []event) bool {
	return slices.EqualFunc(got, want, func(r report, e event) bool {
		if n := len(r.Args); n > len(e.args) && offset.Match(r.Args[n-1]) {
			r.Args = r.Args[:n-1]
		}
		return r.Text == e.name && alike(r.Args, e.args)
	})
}

// alike reports whether two lists are the same JSON.
func alike(got []json.RawMessage, want []any) bool {
	return len(got) == len(want) && (len(got) == 0 || reflect.DeepEqual(plain(got), plain(want)))
}

// plain returns v as encoding/json decodes it.
func plain(v any) (out any) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// written formats reports for messages.
func written(list []report) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%s%s ", r.Text, r.Args)
	}
	return b.String()
}

// room returns the name of a room that was not used before.
func (tb *table) room() string {
	tb.rounds++
	return fmt.Sprint("room ", tb.rounds)
}

// ids returns the ids of the clients at places.
func (tb *table) ids(places ...string) (list []string) {
	tb.t.Helper()
	for _, p := range places {
		list = append(list, tb.seat(p).id)
	}
	return list
}
