//go:build linux

package run

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/scenario"
	"github.com/sioserver/sioserver/bench/stats"
)

// lateness is how long acknowledgements may take after the last request, and a
// new client to get its first: a stock client waits as long for its connection.
const lateness = 20 * time.Second

// honest are clients that echo at a steady rate whatever happens to the server:
// an open loop like openLoop, but a client that the server disconnects is
// counted instead of ending the run.
type honest struct {
	s        *session
	interval time.Duration
	payload  []byte
	packet   []byte
	start    time.Duration
	requests []honestRequest
	open     int   // requests that are not answered
	openBy   []int // by client
	gone     []bool
	lost     int   // clients that were disconnected
	firstWhy error // of the first of them
	part     string
	latency  map[string]*stats.Histogram // by the part of the run in which a request was due
	probes   []*probe
}

type honestRequest struct {
	part string
	open bool
}

// newHonest takes over the session's clients, all of which are connected.
func (s *session) newHonest() *honest {
	h := &honest{
		s: s, interval: time.Second / time.Duration(s.profile.Rate), start: s.gen.Now(),
		payload: fmt.Appendf(nil, `["%s"]`, bytes.Repeat([]byte{'x'}, s.profile.Payload)),
		openBy:  make([]int, len(s.clients)), gone: make([]bool, len(s.clients)), latency: map[string]*stats.Histogram{},
	}
	s.onPacket, s.onClosed, s.onOpened = h.receive, h.closed, h.opened
	return h
}

// pump sends what is due and handles what comes until done returns true.
func (h *honest) pump(part string, done func() bool) error {
	h.part = part
	if h.latency[part] == nil {
		h.latency[part] = stats.NewHistogram()
	}
	for !done() {
		for h.s.gen.Now() >= h.due(len(h.requests)) {
			h.send()
		}
		if err := h.s.poll(min(max(h.due(len(h.requests))-h.s.gen.Now(), 0), turn)); err != nil {
			return err
		}
		if err := h.s.servers.Ended(); err != nil {
			return err
		}
	}
	return nil
}

// last pumps for the time.
func (h *honest) last(part string, d time.Duration) error {
	end := time.Now().Add(d)
	return h.pump(part, func() bool { return !time.Now().Before(end) })
}

// aside does work that blocks on a goroutine of its own, and pumps meanwhile.
func (h *honest) aside(part string, work func() error) error {
	result := make(chan error, 1)
	go func() { result <- work() }()
	var err error
	pumped := h.pump(part, func() bool {
		select {
		case err = <-result:
			return true
		default:
			return false
		}
	})
	if pumped != nil {
		return pumped
	}
	return err
}

func (h *honest) due(number int) time.Duration { return h.start + time.Duration(number)*h.interval }

func (h *honest) send() {
	number := len(h.requests)
	client := number % len(h.openBy)
	h.requests = append(h.requests, honestRequest{h.part, !h.gone[client]})
	if h.gone[client] {
		return
	}
	h.open++
	h.openBy[client]++
	h.packet = appendEcho(h.packet[:0], number, h.payload)
	h.s.clients[client].Send(h.packet)
}

func (h *honest) receive(c *load.Client, packet []byte) {
	number, ok := parseAck(packet, h.payload)
	if probe := h.probe(c); probe != nil {
		probe.answered = probe.answered || ok
		return
	}
	switch {
	case !ok || number < 0 || number >= len(h.requests) || number%len(h.openBy) != c.Index:
		h.s.fail(fmt.Errorf("client %d: want an acknowledgement with the payload, got %.100q", c.Index, packet))
	case !h.requests[number].open:
		h.s.fail(fmt.Errorf("client %d: acknowledgement %d came twice", c.Index, number))
	default:
		r := &h.requests[number]
		r.open = false
		h.open--
		h.openBy[c.Index]--
		h.latency[r.part].Record(h.s.gen.Now() - h.due(number))
	}
}

func (h *honest) closed(c *load.Client, err error) {
	if probe := h.probe(c); probe != nil {
		probe.failed = err
		return
	}
	if h.lost == 0 {
		h.firstWhy = fmt.Errorf("client %d: %w", c.Index, err)
	}
	h.lost++
	h.gone[c.Index] = true
	h.open -= h.openBy[c.Index]
	h.openBy[c.Index] = 0
}

// finish waits for the last acknowledgements and returns how many never came to
// clients that are connected.
func (h *honest) finish() (unanswered int, err error) {
	end := time.Now().Add(lateness)
	for h.open > 0 && time.Now().Before(end) {
		if err := h.s.poll(turn); err != nil {
			return h.open, err
		}
	}
	return h.open, nil
}

// write records the percentiles of each part, and the disconnected clients.
func (h *honest) write() {
	figures := h.s.record.Figures
	for part, latency := range h.latency {
		if part != apart && latency.Count() > 0 {
			figures["p50_"+part+"_us"] = float64(latency.Percentile(50).Microseconds())
			figures["p99_"+part+"_us"] = float64(latency.Percentile(99).Microseconds())
			figures["max_"+part+"_us"] = float64(latency.Percentile(100).Microseconds())
		}
	}
	figures["disconnects"] = float64(h.lost)
}

// probe is a late client, which checks that the server still accepts and
// answers clients.
type probe struct {
	client    *load.Client
	transport load.Transport
	answered  bool
	failed    error
}

// transportNames are those of the transports of probes.
var transportNames = map[load.Transport]string{load.WebSocket: string(scenario.WebSocket), load.Polling: string(scenario.Polling)}

// alive connects a client over each transport that the server speaks and lets
// it echo once. It returns what went wrong; err ends the run.
func (h *honest) alive(part string) (wrong error, err error) {
	for _, transport := range []load.Transport{load.WebSocket, load.Polling} {
		if !h.s.proc.Peer.Speaks(transportNames[transport]) {
			continue
		}
		c, err := h.s.gen.Dial(transport, 0)
		if err != nil {
			return nil, err
		}
		c.Index = len(h.openBy) + len(h.probes)
		h.probes = append(h.probes, &probe{client: c, transport: transport})
	}
	end := time.Now().Add(lateness)
	err = h.pump(part, func() bool {
		for _, p := range h.probes {
			if !p.answered && p.failed == nil {
				return !time.Now().Before(end)
			}
		}
		return true
	})
	for _, p := range h.probes {
		name := transportNames[p.transport]
		switch {
		case p.failed != nil:
			wrong = fmt.Errorf("a new client over %s: %w", name, p.failed)
		case !p.answered:
			wrong = fmt.Errorf("a new client over %s got no answer within %s", name, lateness)
		}
		p.client.Close()
	}
	return wrong, err
}

func (h *honest) opened(c *load.Client) {
	if h.probe(c) != nil {
		c.Send(appendEcho(nil, 0, h.payload))
	}
}

// probe returns the probe that the client is, nil if it is another one.
func (h *honest) probe(c *load.Client) *probe {
	if c.Index < len(h.openBy) {
		return nil
	}
	return h.probes[c.Index-len(h.openBy)]
}
