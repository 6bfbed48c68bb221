package cluster_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// local is a namespace of a server that records calls.
type local struct {
	adapter.Local // nil: what is not overridden is not called
	name          string

	sockets []adapter.Details
	clients []client // that acknowledge
	event   func(p adapter.Packet, reply func(adapter.Answer))

	mu   sync.Mutex
	done []string
}

// client acknowledges a broadcast.
type client struct {
	after  time.Duration
	answer string // none when ""
	gone   bool
}

func newLocal(name string) *local {
	return &local{
		name:    name,
		sockets: []adapter.Details{{ID: name + "a", Handshake: []byte(`{}`), Data: []byte(`1`)}, {ID: name + "b", Handshake: []byte(`{}`), Rooms: []string{"r"}, Data: []byte(`2`)}},
		clients: []client{{answer: name + "a"}, {after: 10 * time.Millisecond, answer: name + "b"}},
		event: func(p adapter.Packet, reply func(adapter.Answer)) {
			if reply != nil {
				reply(adapter.Answer{Data: fmt.Appendf(nil, "%q", name)})
				reply(adapter.Answer{Data: []byte(`"again"`)})
			}
		},
	}
}

func (l *local) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, fmt.Sprintf(format, args...))
}

// take returns the calls since it was last called.
func (l *local) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.done
	l.done = nil
	return list
}

// argsText are the arguments of an event, also those that are still encoded.
func argsText(p adapter.Packet) string {
	s := p.Event
	for _, a := range p.Args {
		if raw, ok := a.(json.RawMessage); ok {
			s += " " + string(raw)
		} else {
			s += fmt.Sprint(" ", a)
		}
	}
	return s
}

func (l *local) Namespace() string { return "/" }

func (l *local) Broadcast(p adapter.Packet, o adapter.Options) error {
	if p.Event == "panic" {
		panic("told to")
	}
	l.note("cast %s to %v except %v %v %v", argsText(p), o.Rooms, o.Except, o.Volatile, o.NoCompress)
	return nil
}

func (l *local) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	l.note("ask %s to %v", argsText(p), o.Rooms)
	for _, c := range l.clients {
		act := func() {
			if ctx.Err() != nil {
				return
			}
			switch {
			case c.gone:
				acks.Gone(1, nil)
			case c.answer != "":
				acks.Answer(adapter.Answer{Data: fmt.Appendf(nil, "%q", c.answer)})
			}
		}
		if c.after == 0 {
			act() // before the number is known
			continue
		}
		timer := time.AfterFunc(c.after, act)
		context.AfterFunc(ctx, func() { timer.Stop() })
	}
	acks.Clients(len(l.clients))
	return nil
}

func (l *local) Sockets(o adapter.Options) (list []adapter.Details) {
	for _, d := range l.sockets {
		if len(o.Rooms) == 0 || slices.Contains(d.Rooms, o.Rooms[0]) {
			list = append(list, d)
		}
	}
	return list
}

func (l *local) Describe(o adapter.Options) (next func() []adapter.Details) {
	return pages(l.Sockets(o))
}

// pages describes two sockets at a time.
func pages(list []adapter.Details) (next func() []adapter.Details) {
	return func() []adapter.Details {
		page := list[:min(len(list), 2)]
		list = list[len(page):]
		return page
	}
}

func (l *local) CountSockets(o adapter.Options) int { return len(l.Sockets(o)) }

func (l *local) AddSockets(o adapter.Options, rooms []string) {
	l.note("add %v %v to %v", o.Rooms, o.Except, rooms)
}

func (l *local) DelSockets(o adapter.Options, rooms []string) {
	l.note("del %v %v from %v", o.Rooms, o.Except, rooms)
}

func (l *local) DisconnectSockets(o adapter.Options, closeConnections bool) {
	l.note("disconnect %v %v %v", o.Rooms, o.Except, closeConnections)
}

func (l *local) ServerSideEvent(p adapter.Packet, reply func(adapter.Answer)) {
	l.note("event %s %v", argsText(p), reply != nil)
	l.event(p, reply)
}

// collector collects acknowledgements as a namespace does. done is closed when
// no answer is missing.
type collector struct {
	done chan struct{}

	mu                     sync.Mutex
	servers, clients, gone int
	answers                []string
	why                    error
}

// newCollector expects this server and is kept open until start.
func newCollector() *collector { return &collector{done: make(chan struct{}), servers: 2} }

func (c *collector) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
		return
	default:
	}
	change()
	if c.servers == 0 && len(c.answers)+c.gone >= c.clients {
		close(c.done)
	}
}

func (c *collector) start() { c.Clients(0) }

func (c *collector) Servers(n int) { c.update(func() { c.servers += n }) }

func (c *collector) Clients(n int) { c.update(func() { c.servers--; c.clients += n }) }

func (c *collector) Answer(a adapter.Answer) {
	c.update(func() { c.answers = append(c.answers, string(a.Data)) })
}

func (c *collector) Gone(n int, why error) {
	c.update(func() { c.gone, c.why = c.gone+n, cmp.Or(c.why, why) })
}

// result waits until all is over, or ctx is.
func (c *collector) result(ctx context.Context) (answers []string, missing int, complete bool) {
	select {
	case <-c.done:
		complete = true
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.answers)
	return c.answers, c.clients - len(c.answers), complete
}
