//go:build linux

package run

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/stats"
)

// openLoop sends acknowledged events at fixed times, whatever the server does,
// and measures each from the time at which it was due: every request that a
// stall delays shows it, so the percentiles need no later correction for
// coordinated omission.
type openLoop struct {
	s        *session
	interval time.Duration
	payload  []byte
	packet   []byte
	start    time.Duration
	first    int    // number of the first request since start
	acked    []bool // by request
	done     int
	latency  *stats.Histogram
}

func (s *session) latency() error {
	p := s.profile
	o := &openLoop{
		s: s, interval: time.Second / time.Duration(p.Rate), latency: stats.NewHistogram(),
		payload: fmt.Appendf(nil, `["%s"]`, bytes.Repeat([]byte{'x'}, p.Payload)),
	}
	if err := s.connect(p.Clients); err != nil {
		return err
	}
	s.onPacket = o.receive
	if err := s.rest(p.Settle.Std()); err != nil {
		return err
	}
	if _, err := o.run("warming up", p.Warmup.Std()); err != nil {
		return err
	}
	o.latency.Reset()
	err := s.measured(func() (int, error) { return o.run("round trips", p.Duration.Std()) })
	if err != nil {
		return err
	}
	s.latencies(o.latency)
	return s.rest(quiet)
}

// run sends for a while and waits for the last acknowledgement. Between two
// requests it spins, so that neither the sending nor the reading of the clock
// waits for this process to be woken.
func (o *openLoop) run(what string, d time.Duration) (roundTrips int, err error) {
	begin := o.done
	o.start, o.first = o.s.gen.Now(), len(o.acked)
	for total := int(d / o.interval); len(o.acked)-o.first < total; {
		for len(o.acked)-o.first < total && o.s.gen.Now() >= o.due(len(o.acked)) {
			o.send()
		}
		o.s.progress(what, len(o.acked)-o.first, total)
		if err := o.s.poll(0); err != nil {
			return 0, err
		}
	}
	err = o.s.await("acknowledgements", func() bool { return o.done == len(o.acked) })
	return o.done - begin, err
}

func (o *openLoop) due(number int) time.Duration {
	return o.start + time.Duration(number-o.first)*o.interval
}

func (o *openLoop) send() {
	number := len(o.acked)
	o.acked = append(o.acked, false)
	o.packet = appendEcho(o.packet[:0], number, o.payload)
	o.s.clients[number%len(o.s.clients)].Send(o.packet)
}

func (o *openLoop) receive(c *load.Client, packet []byte) {
	number, ok := parseAck(packet, o.payload)
	switch {
	case !ok || number < 0 || number >= len(o.acked) || number%len(o.s.clients) != c.Index:
		o.s.fail(fmt.Errorf("client %d: want an acknowledgement with the payload, got %.100q", c.Index, packet))
	case o.acked[number]:
		o.s.fail(fmt.Errorf("client %d: acknowledgement %d came twice", c.Index, number))
	default:
		o.acked[number] = true
		o.done++
		o.latency.Record(o.s.gen.Now() - o.due(number))
	}
}
