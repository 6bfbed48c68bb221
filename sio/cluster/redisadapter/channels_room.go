package redisadapter

import (
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// An event for which there is no room waits in line with the goroutine that emits it,
// so that a large one gets its turn though small ones would fit. A goroutine that must
// not wait, or has waited too long, is refused.

// emitter is an event that waits for room.
type emitter struct {
	channel string
	payload []byte
	done    chan error // gets the outcome
}

// send has a message's payload, whose ownership passes, sent to a channel: see
// publisher.add. When there is no room for an event, and the goroutine may wait, it does
// for roomTime at most, or until ended is closed.
func (c *channels) send(m *cluster.Message, channel string, payload []byte, mayWait func() bool, ended <-chan struct{}) error {
	if m.To != "" {
		return c.out.add(answers, channel, payload)
	}
	p := &c.out
	p.mu.Lock()
	decided, err := p.try(events, channel, payload)
	p.mu.Unlock()
	switch {
	case decided:
		return err
	case mayWait():
		return p.wait(channel, payload, ended)
	}
	p.lose()
	return err
}

// waits reports whether the calling goroutine may wait: it is not a loop's.
func waits(local adapter.Local) func() bool {
	if w, ok := local.(adapter.Waiter); ok {
		return w.MayWait
	}
	return func() bool { return false }
}

// wait adds an event when there is room, behind those that wait already.
func (p *publisher) wait(channel string, payload []byte, ended <-chan struct{}) error {
	e := &emitter{channel, payload, make(chan error, 1)}
	q := &p.queues[events]
	p.mu.Lock()
	if decided, err := p.try(events, channel, payload); decided {
		p.mu.Unlock()
		return err
	}
	q.line = append(q.line, e)
	timer := time.NewTimer(p.patience)
	p.mu.Unlock()
	defer timer.Stop()
	err := errNoRoom
	select {
	case err := <-e.done:
		return err
	case <-timer.C:
	case <-ended:
		err = ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(q.line, e)
	if i < 0 { // it was decided about meanwhile
		return <-e.done
	}
	q.line = slices.Delete(q.line, i, i+1)
	p.lost++
	p.admit() // those behind may be smaller
	return err
}

// admit decides about those that wait for room, as far as that is possible. p.mu is held.
func (p *publisher) admit() {
	q := &p.queues[events]
	n := 0
	for _, e := range q.line {
		var err error
		switch {
		case p.ended:
			err = ErrClosed
		case p.away:
			err = ErrAway
		}
		if err != nil {
			p.lost++
		} else if !p.put(events, e.channel, e.payload) {
			break
		}
		e.done <- err
		n++
	}
	if q.line = slices.Delete(q.line, 0, n); len(q.line) == 0 {
		q.line = nil // lets go of the array
	}
}

// lose counts a message for which there was no room.
func (p *publisher) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost++
}
