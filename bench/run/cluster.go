//go:build linux

package run

import (
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/scenario"
)

const (
	standstill = 200 * time.Millisecond // without any delivery, after which a round of greetings is over
	rounds     = 25                     // of greetings, after which servers that have not joined fail the run
)

// node is the server that a client dials: in a cluster the one that asks for
// emits is at the first node, and those that get them are at the second;
// otherwise clients are spread evenly.
func (s *session) node(client int) int {
	if s.profile.Kind == scenario.Cluster && client > 0 {
		return 1
	}
	if s.profile.Kind == scenario.Attack {
		return client % len(s.servers.Nodes)
	}
	return 0
}

// addAsker puts the client that asks in front of those of the profile, since it
// is at another node. It is in no room, but gets what all clients get;
// deliveries that do not cross from node to node are not counted.
func (f *fanOut) addAsker() {
	f.due = append(f.due, 0)
	if f.rooms > 1 {
		f.first = 1
		f.due[0] = -1
	} else {
		f.members++
	}
}

// greeting emits before the measurement until the servers have joined: they
// subscribe in the background, and miss what Redis gets before.
type greeting struct {
	f        *fanOut
	round    int
	last     []int // by client: the round that it got last
	greeted  int   // clients that got the current round
	activity uint64
	since    time.Time // of the activity
}

// greet sends a greeting to every room, round after round, until all clients
// have got one round. A client gets them in order, so nothing of earlier rounds
// can come afterwards.
func (f *fanOut) greet() error {
	g := &greeting{f: f, last: make([]int, len(f.due))}
	f.s.onPacket = g.receive
	return f.s.await("the servers to join", g.done)
}

func (g *greeting) receive(c *load.Client, packet []byte) {
	payload, ok := g.f.message(c, packet)
	if !ok {
		return
	}
	number := sequence(payload)
	if number == g.round && g.last[c.Index] != number {
		g.greeted++
	}
	g.last[c.Index] = number
}

// done begins the next round when nothing of the last one comes any more,
// although it is not complete.
func (g *greeting) done() bool {
	s, want := g.f.s, len(g.f.due)-g.f.first
	if s.activity != g.activity {
		g.activity, g.since = s.activity, time.Now()
	}
	switch {
	case g.greeted == want:
		return true
	case g.round > 0 && time.Since(g.since) < standstill:
	case g.round == rounds:
		s.fail(fmt.Errorf("the servers have not joined: %d of %d clients got what was emitted at the first", g.greeted, want))
	default:
		g.round++
		g.greeted, g.since = 0, time.Now()
		for room := range g.f.rooms {
			g.f.write(g.round, room)
			s.clients[0].Send(g.f.packet)
		}
	}
	return false
}
