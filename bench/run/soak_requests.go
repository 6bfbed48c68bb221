//go:build linux

package run

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/bench/load"
)

// soakRequest is an event that the server acknowledges.
type soakRequest struct {
	slot int
	kind askKind
	at   time.Duration
}

type askKind uint8

const (
	askJoin  askKind = iota // joins the client's room
	askEcho                 // carries a string back
	askBytes                // carries bytes back
	askBack                 // has the server ask the client
)

// say has the client send one event of the mix.
func (k *soak) say(s *soakClient) {
	switch n := k.random.IntN(100); {
	case n < 45:
		k.ask(s, askEcho)
	case n < 60:
		k.ask(s, askBytes)
	case n < 75:
		k.ask(s, askBack)
	default:
		s.sent++
		k.packet = fmt.Appendf(k.packet[:0], `2["room","r%d","r.%d.%d.%s"]`, s.room, s.place, s.sent, k.bytes)
		s.c.Send(k.packet)
	}
}

// ask sends a request.
func (k *soak) ask(s *soakClient, kind askKind) {
	k.number++
	number := k.number
	k.requests[number] = soakRequest{s.index, kind, k.gen.Now()}
	s.open = append(s.open, number)
	switch kind {
	case askJoin:
		k.packet = fmt.Appendf(k.packet[:0], `2%d["join","r%d"]`, number, s.room)
	case askEcho:
		k.packet = appendEcho(k.packet[:0], number, k.payload)
	case askBack:
		k.packet = fmt.Appendf(k.packet[:0], `2%d["ask",%d]`, number, number)
	case askBytes:
		k.packet = fmt.Appendf(k.packet[:0], `51-%d["bytes",{"_placeholder":true,"num":0}]`, number)
		s.c.SendBinary(k.packet, k.bytes)
		return
	}
	s.c.Send(k.packet)
}

func (k *soak) receive(c *load.Client, packet []byte) {
	s := &k.slots[c.Index]
	if s.state == soakDialling {
		k.meet(s)
	}
	if event, ok := bytes.CutPrefix(packet, []byte(`2["message","`)); ok {
		k.event(s, event)
		return
	}
	if binary, ok := bytes.CutPrefix(packet, []byte("61-")); ok {
		if number, rest := leading(binary); string(rest) == `[{"_placeholder":true,"num":0}]` && s.binary == 0 {
			s.binary = number
			return
		}
	} else if len(packet) > 0 {
		number, rest := leading(packet[1:])
		switch {
		case packet[0] == '2' && bytes.HasPrefix(rest, []byte(`["question",`)):
			k.packet = append(fmt.Appendf(k.packet[:0], "3%d[", number), rest[len(`["question",`):]...)
			c.Send(k.packet)
			return
		case packet[0] == '3':
			k.answer(s, number, rest)
			return
		}
	}
	k.fail(fmt.Errorf("client %d got a packet that nothing asked for: %.100q", c.Index, packet))
}

// leading cuts the number off in front.
func leading(b []byte) (number int, rest []byte) {
	end := bytes.IndexFunc(b, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(b)
	}
	number, _ = strconv.Atoi(string(b[:end]))
	return number, b[end:]
}

func (k *soak) attachment(c *load.Client, data []byte) {
	s := &k.slots[c.Index]
	if s.binary == 0 {
		k.fail(fmt.Errorf("client %d got %d bytes that nothing asked for", c.Index, len(data)))
		return
	}
	number := s.binary
	s.binary = 0
	k.answer(s, number, data)
}

// answer checks an acknowledgement: there is one of each request.
func (k *soak) answer(s *soakClient, number int, payload []byte) {
	r, found := k.requests[number]
	if !found || r.slot != s.index {
		k.fail(fmt.Errorf("client %d got an acknowledgement of %d, which is not outstanding (doubled?)", s.index, number))
		return
	}
	want := k.payload
	switch r.kind {
	case askJoin:
		want = []byte("[]")
	case askBytes:
		want = k.bytes
	case askBack:
		want = fmt.Appendf(nil, "[%d]", number)
	}
	if !bytes.Equal(payload, want) {
		k.fail(fmt.Errorf("client %d got the acknowledgement %.100q, not %.100q", s.index, payload, want))
		return
	}
	delete(k.requests, number)
	s.open = slices.DeleteFunc(s.open, func(open int) bool { return open == number })
	k.counts.answered++
	if r.kind == askEcho && s.steady {
		k.latency.Record(k.gen.Now() - r.at)
	}
}
