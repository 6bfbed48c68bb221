//go:build linux

package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/load"
)

// soakState is where a client of a soak is.
type soakState uint8

const (
	soakAway soakState = iota
	soakDialling
	soakLive
	soakStalled // does not read
	soakLeaving
)

// soakClient is the place of one client after the other. Its numbers go on.
type soakClient struct {
	index, room, place int
	steady             bool // never leaves
	c                  *load.Client
	state              soakState
	due                time.Duration // of the next step, unless it is live
	met, inRoom        bool          // the server has answered; the room is that of before
	sid, pid           string
	offset             []byte
	open               []int // requests that are not answered
	binary             int   // the request whose attachment comes next, 0 for none

	sent      uint32   // own events to the room
	last      []uint32 // the last number got of each place in the room, 0 for none
	broadcast uint32   // the same of events to all
}

// transport mixes them: of ten clients two upgrade, and one stays on polling.
func (s *soakClient) transport() load.Transport {
	switch s.index / soakSteady % 10 {
	case 3, 6:
		return load.Upgrade
	case 9:
		return load.Polling
	default:
		return load.WebSocket
	}
}

func filled(n int) string { return strings.Repeat("x", n) }

// between returns a random time.
func (k *soak) between(from, to time.Duration) time.Duration {
	return from + time.Duration(k.random.Int64N(int64(to-from)))
}

func (k *soak) dial(s *soakClient) {
	auth := []byte("{}")
	if s.pid != "" {
		auth = fmt.Appendf(nil, `{"pid":%q,"offset":%q}`, s.pid, s.offset)
	}
	c, err := k.gen.DialWith(s.transport(), 0, auth)
	if err != nil {
		k.fail(err)
		return
	}
	c.Index = s.index
	s.c, s.state, s.met = c, soakDialling, false
}

// away ends a client's connection, or takes note that it has ended.
func (k *soak) away(s *soakClient, until time.Duration) {
	if s.state == soakLive || s.state == soakStalled {
		k.live--
	}
	s.c.Close()
	s.c, s.state, s.due, s.binary = nil, soakAway, k.gen.Now()+until, 0
	for _, number := range s.open {
		delete(k.requests, number)
	}
	k.counts.dropped += len(s.open)
	s.open = s.open[:0]
}

// forget makes the next client of the place a new one.
func (s *soakClient) forget() {
	s.sid, s.pid, s.offset, s.broadcast = "", "", s.offset[:0], 0
	clear(s.last)
}

// meet reads the server's answer to CONNECT once: whether the client is the one
// that was there before. Events that it has missed come in front of the answer,
// others behind it, even if an upgrade is not done yet.
func (k *soak) meet(s *soakClient) {
	if s.met || len(s.c.Answer) == 0 {
		return
	}
	s.met = true
	var is struct{ Sid, Pid string }
	if err := json.Unmarshal(s.c.Answer, &is); err != nil {
		k.fail(fmt.Errorf("client %d: the answer %.100q: %w", s.index, s.c.Answer, err))
		return
	}
	s.inRoom = s.pid != "" && s.sid == is.Sid
	switch {
	case s.pid == "":
	case s.inRoom:
		k.counts.recovered++
	default:
		k.counts.fresh++
		s.forget()
	}
	s.sid, s.pid = is.Sid, is.Pid
}

func (k *soak) opened(c *load.Client) {
	s := &k.slots[c.Index]
	k.meet(s)
	s.state = soakLive
	k.live++
	k.counts.opened++
	if !s.inRoom {
		k.ask(s, askJoin)
	}
}

func (k *soak) closed(c *load.Client, err error) {
	s := &k.slots[c.Index]
	if s.c != c {
		return
	}
	was := s.state
	k.away(s, time.Second)
	switch was {
	case soakDialling:
		k.counts.refused++
	case soakStalled:
		k.counts.slow++
		s.forget()
	case soakLive:
		what := "a client that comes and goes"
		if s.steady {
			what = "a steady client"
		}
		if k.counts.lost++; k.counts.lost <= 5 {
			k.findings.found(fmt.Errorf("%s (%d) was disconnected after %.0f s: %w", what, s.index, time.Since(k.begun).Seconds(), err))
		}
		s.steady = false // what it had sent may be lost
		s.forget()
	default:
		s.forget()
	}
}

// act does what is due.
func (k *soak) act() {
	now := k.gen.Now()
	for interval := time.Second / time.Duration(k.profile.Rate); now >= k.next; k.next += interval {
		if s := k.pick(); s != nil {
			k.say(s)
		}
	}
	for interval := time.Second / time.Duration(k.profile.Churn); now >= k.churned; k.churned += interval {
		if s := k.pick(); s != nil && !s.steady {
			k.churn(s)
		}
	}
	if first := &k.slots[0]; now >= k.sent && first.state == soakLive {
		k.sent = now + soakBroadcast
		k.emitted++
		k.counts.broadcasts++
		first.c.Send(fmt.Appendf(nil, `2["broadcast","b.0.%d."]`, k.emitted))
	}
	k.walk()
}

// pick returns a client that is live, nil when it finds none.
func (k *soak) pick() *soakClient {
	for range 8 {
		if s := &k.slots[k.random.IntN(len(k.slots))]; s.state == soakLive {
			return s
		}
	}
	return nil
}

// churn has a client go in one of four ways.
func (k *soak) churn(s *soakClient) {
	switch k.random.IntN(4) {
	case 0: // cut, and a new one comes
		k.counts.cut++
		k.away(s, k.between(0, 2*time.Second))
		s.forget()
	case 1: // leaves
		k.counts.left++
		s.c.Send([]byte("1"))
		k.live--
		s.state, s.due = soakLeaving, k.gen.Now()+200*time.Millisecond
	case 2: // cut, and comes back
		if len(s.offset) == 0 {
			return
		}
		k.away(s, k.between(200*time.Millisecond, 3*time.Second))
	default:
		k.counts.stalled++
		s.c.Pause()
		s.state, s.due = soakStalled, k.gen.Now()+k.between(time.Second, 8*time.Second)
	}
}

// walk takes the next step of all clients for which it is due.
func (k *soak) walk() {
	now := k.gen.Now()
	if now < k.walked+soakStep {
		return
	}
	k.walked = now
	for i := range k.slots {
		s := &k.slots[i]
		if s.state == soakLive || s.state == soakDialling || now < s.due || (s.state == soakAway && s.due == 0) {
			continue
		}
		switch s.state {
		case soakAway:
			k.dial(s)
		case soakStalled:
			s.state = soakLive
			s.c.Resume()
		case soakLeaving:
			k.away(s, k.between(0, time.Second))
			s.forget()
		}
	}
}

// event checks an event of a room, or to all: r.PLACE.NUMBER.x… or b.0.NUMBER.
func (k *soak) event(s *soakClient, packet []byte) {
	text, rest, _ := bytes.Cut(packet, []byte{'"'})
	var kind byte
	var place int
	var number uint32
	if _, err := fmt.Sscanf(string(text), "%c.%d.%d.", &kind, &place, &number); err != nil || place < 0 || place >= k.members {
		k.fail(fmt.Errorf("client %d got the event %.100q", s.index, packet))
		return
	}
	if offset, found := bytes.CutPrefix(rest, []byte(`,"`)); found {
		s.offset = append(s.offset[:0], bytes.TrimSuffix(offset, []byte(`"]`))...)
	}
	k.counts.deliveries++
	last, whole := &s.broadcast, true
	if kind == 'r' {
		last, whole = &s.last[place], k.slots[s.room+place*k.rooms].steady
	}
	// Of a sender that stays, all must come; of another, none twice.
	if *last > 0 && (number <= *last || whole && number != *last+1) {
		k.fail(fmt.Errorf("client %d got event %d of place %d (%c) behind event %d", s.index, number, place, kind, *last))
	}
	*last = number
}
