//go:build linux

package run

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/stats"
)

// echo is a closed loop: every client keeps a number of acknowledged events
// outstanding.
type echo struct {
	s        *session
	window   int
	payload  []byte // the JSON of the arguments, with its brackets
	packet   []byte
	requests []request // by client and slot: client*window+slot
	inFlight int
	done     int
	stop     bool
	latency  *stats.Histogram
}

type request struct {
	id     int // its remainder by window is the slot
	sentAt time.Duration
	open   bool
}

func (s *session) echo() error {
	p := s.profile
	e := &echo{
		s: s, window: p.InFlight, requests: make([]request, p.Clients*p.InFlight), latency: stats.NewHistogram(),
		payload: fmt.Appendf(nil, `["%s"]`, bytes.Repeat([]byte{'x'}, p.Payload)),
	}
	if err := s.connect(p.Clients); err != nil {
		return err
	}
	s.onPacket = e.receive
	if err := s.rest(p.Settle.Std()); err != nil {
		return err
	}
	for i := range e.requests {
		e.requests[i].id = i % e.window
	}
	if _, err := e.run("warming up", p.Warmup.Std()); err != nil {
		return err
	}
	e.latency.Reset()
	err := s.measured(func() (int, error) { return e.run("round trips", p.Duration.Std()) })
	if err != nil {
		return err
	}
	s.latencies(e.latency)
	return s.rest(quiet)
}

func (e *echo) run(what string, d time.Duration) (roundTrips int, err error) {
	begin, start := e.done, time.Now()
	e.stop = false
	for i := range e.requests {
		e.send(i/e.window, &e.requests[i])
	}
	err = e.s.await("acknowledgements", func() bool {
		elapsed := time.Since(start)
		e.stop = elapsed >= d
		e.s.progress(what, int(elapsed.Milliseconds()), int(d.Milliseconds()))
		return e.stop && e.inFlight == 0
	})
	return e.done - begin, err
}

func (e *echo) send(client int, r *request) {
	r.id += e.window
	r.sentAt, r.open = e.s.gen.Now(), true
	e.inFlight++
	e.packet = appendEcho(e.packet[:0], r.id, e.payload)
	e.s.clients[client].Send(e.packet)
}

// appendEcho appends the event "echo" with the arguments of payload and an
// acknowledgement id.
func appendEcho(dst []byte, id int, payload []byte) []byte {
	dst = strconv.AppendInt(append(dst, '2'), int64(id), 10)
	dst = append(dst, `["echo",`...)
	return append(dst, payload[1:]...)
}

// parseAck returns the id of an acknowledgement that carries exactly the
// payload.
func parseAck(packet, payload []byte) (id int, ok bool) {
	if len(packet) < 2 || packet[0] != '3' {
		return 0, false
	}
	digits := bytes.IndexByte(packet, '[')
	if digits < 0 {
		return 0, false
	}
	id, err := strconv.Atoi(string(packet[1:digits]))
	return id, err == nil && bytes.Equal(packet[digits:], payload)
}

func (e *echo) receive(c *load.Client, packet []byte) {
	id, ok := parseAck(packet, e.payload)
	if !ok {
		e.s.fail(fmt.Errorf("client %d: want an acknowledgement with the payload, got %.100q", c.Index, packet))
		return
	}
	r := &e.requests[c.Index*e.window+id%e.window]
	if !r.open || r.id != id {
		e.s.fail(fmt.Errorf("client %d: acknowledgement %d is not outstanding (doubled?)", c.Index, id))
		return
	}
	r.open = false
	e.inFlight--
	e.done++
	e.latency.Record(e.s.gen.Now() - r.sentAt)
	if !e.stop {
		e.send(c.Index, r)
	}
}
