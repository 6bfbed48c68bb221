//go:build linux

package run

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/scenario"
	"github.com/sioserver/sioserver/bench/stats"
)

// fanOut is one broadcast scenario: client 0 asks for emits, to all clients
// (one room) or round robin to rooms, and keeps a number of them in flight;
// every client checks that it gets exactly those meant for it, in order.
type fanOut struct {
	s        *session
	rooms    int
	first    int // the clients before it are in no room
	members  int // of one room
	counted  int // deliveries of one message that the processor time is divided by
	payload  []byte
	packet   []byte
	due      []int // by client: the number of the message it must get next
	left     [64]int
	sentAt   [64]time.Duration
	sent     int
	complete int
	stop     bool
	latency  *stats.Histogram
	awaits   []bool // by client: the attachment of the message is due; nil unless messages are binary
}

const sequenceDigits = 10

// filling is what payloads are made of: no two halves of a message are the
// same, so that a compressor has some work.
func filling(n int, deflate bool) []byte {
	payload := bytes.Repeat([]byte{'x'}, n)
	if deflate {
		source := rand.New(rand.NewPCG(1, 2))
		for i := range payload {
			payload[i] = "0123456789abcdef"[source.IntN(16)]
		}
	}
	return payload
}

func (s *session) fanOut(rooms int) error {
	p := s.profile
	f := s.newFanOut(rooms)
	if err := s.connect(len(f.due)); err != nil {
		return err
	}
	if rooms > 1 {
		if err := s.join(f.first, rooms); err != nil {
			return err
		}
	}
	if s.servers.Redis != nil {
		if err := f.greet(); err != nil {
			return err
		}
	}
	s.onPacket = f.receive
	if p.Binary {
		f.awaits = make([]bool, p.Clients)
		s.onPacket, s.onBinary = f.receiveHead, f.receiveAttachment
	}
	if err := s.rest(p.Settle.Std()); err != nil {
		return err
	}
	if _, err := f.run("warming up", p.Warmup.Std()); err != nil {
		return err
	}
	f.latency.Reset()
	err := s.measured(func() (int, error) { return f.run("messages", p.Duration.Std()) })
	if err != nil {
		return err
	}
	if p.Deflate && s.gen.Compressed == 0 {
		return errors.New("the server has compressed nothing, although the clients offered to read it")
	}
	s.latencies(f.latency)
	if s.servers.Redis != nil {
		s.record.Figures["redis_message_us"] = s.record.Figures["redis_us"] * float64(f.counted)
	}
	return s.rest(quiet) // a message too many fails here
}

// newFanOut decides which client gets which messages: client i gets those of
// room i mod rooms.
func (s *session) newFanOut(rooms int) *fanOut {
	p := s.profile
	f := &fanOut{
		s: s, rooms: rooms, members: p.Clients / rooms, counted: p.Clients / rooms, due: make([]int, p.Clients),
		payload: filling(p.Payload, p.Deflate), latency: stats.NewHistogram(),
	}
	if p.Kind == scenario.Cluster {
		f.addAsker()
	}
	for i := f.first; i < len(f.due); i++ {
		f.due[i] = (i - f.first) % rooms
	}
	return f
}

// join puts the clients from first on into rooms, round robin, and waits for
// all acknowledgements.
func (s *session) join(first, rooms int) error {
	acks := 0
	s.onPacket = func(c *load.Client, packet []byte) {
		if !bytes.HasPrefix(packet, []byte("30[")) {
			s.fail(fmt.Errorf("client %d: want the acknowledgement of join, got %.100q", c.Index, packet))
			return
		}
		acks++
	}
	for i, c := range s.clients[first:] {
		c.Send(fmt.Appendf(nil, `20["join","r%d"]`, i%rooms))
	}
	return s.await("acknowledgements of join", func() bool { return acks == len(s.clients)-first })
}

// run keeps emits in flight for a while, waits for the last, and returns the
// number of deliveries.
func (f *fanOut) run(what string, d time.Duration) (deliveries int, err error) {
	begin, start := f.complete, time.Now()
	f.stop = false
	for range f.s.profile.InFlight {
		f.send()
	}
	err = f.s.await("deliveries", func() bool {
		elapsed := time.Since(start)
		f.stop = elapsed >= d
		f.s.progress(what, int(elapsed.Milliseconds()), int(d.Milliseconds()))
		return f.stop && f.complete == f.sent
	})
	return (f.complete - begin) * f.counted, err
}

func (f *fanOut) send() {
	f.write(f.sent, f.sent%f.rooms)
	f.left[f.sent%len(f.left)] = f.members
	f.sentAt[f.sent%len(f.left)] = f.s.gen.Now()
	f.sent++
	f.s.clients[0].Send(f.packet)
}

// write makes the packet that asks for the message with a number to a room.
func (f *fanOut) write(number, room int) {
	copy(f.payload, fmt.Appendf(nil, "%0*d", sequenceDigits, number))
	switch {
	case f.awaits != nil:
		f.packet = append(f.packet[:0], `2["binary","`...)
	case f.rooms == 1:
		f.packet = append(f.packet[:0], `2["broadcast","`...)
	default:
		f.packet = append(strconv.AppendInt(append(f.packet[:0], `2["room","r`...), int64(room), 10), `","`...)
	}
	f.packet = append(append(f.packet, f.payload...), `"]`...)
}

var messagePrefix = []byte(`2["message","`)

func (f *fanOut) receive(c *load.Client, packet []byte) {
	if payload, ok := f.message(c, packet); ok {
		f.delivered(c, payload)
	}
}

// message returns what a message carries; anything else fails the run.
func (f *fanOut) message(c *load.Client, packet []byte) (payload []byte, ok bool) {
	size := len(messagePrefix) + len(f.payload) + len(`"]`)
	if len(packet) != size || !bytes.HasPrefix(packet, messagePrefix) {
		f.s.fail(fmt.Errorf("client %d: want a message of %d bytes, got %d: %.100q", c.Index, size, len(packet), packet))
		return nil, false
	}
	return packet[len(messagePrefix):], true
}

const binaryHead = `51-["message",{"_placeholder":true,"num":0}]`

// receiveHead handles the text of a binary message.
func (f *fanOut) receiveHead(c *load.Client, packet []byte) {
	if f.awaits[c.Index] || string(packet) != binaryHead {
		f.s.fail(fmt.Errorf("client %d: want a message with one attachment, got %.100q", c.Index, packet))
		return
	}
	f.awaits[c.Index] = true
}

// receiveAttachment handles its bytes.
func (f *fanOut) receiveAttachment(c *load.Client, data []byte) {
	if !f.awaits[c.Index] || len(data) != len(f.payload) {
		f.s.fail(fmt.Errorf("client %d: want an attachment of %d bytes after its message, got %d", c.Index, len(f.payload), len(data)))
		return
	}
	f.awaits[c.Index] = false
	f.delivered(c, data)
}

// delivered checks the number of a message and counts it.
func (f *fanOut) delivered(c *load.Client, payload []byte) {
	number := sequence(payload)
	if number != f.due[c.Index] {
		f.s.fail(fmt.Errorf("client %d: got message %d where %d was due (lost, doubled or out of order)", c.Index, number, f.due[c.Index]))
		return
	}
	f.due[c.Index] += f.rooms
	slot := number % len(f.left)
	f.left[slot]--
	if f.left[slot] > 0 {
		return
	}
	f.complete++
	f.latency.Record(f.s.gen.Now() - f.sentAt[slot])
	if !f.stop {
		f.send()
	}
}

// sequence is the number that a payload begins with.
func sequence(payload []byte) (number int) {
	for _, digit := range payload[:sequenceDigits] {
		number = number*10 + int(digit-'0')
	}
	return number
}
