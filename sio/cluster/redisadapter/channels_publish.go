package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

const (
	publishCount = 512             // messages in a batch
	publishBytes = 1 << 20         // and its bytes
	answerTime   = 2 * time.Second // how long Redis may be silent before it is away
	maxRetryTime = time.Second     // between attempts to connect
	queueTime    = 5 * time.Second // how long an event may wait while the queue is full

	defaultMaxMessage = 16 << 20  // half of what Redis keeps for a subscriber
	largestMessage    = 512 << 20 // that Redis takes by default
)

// publication is a queued message.
type publication struct {
	channel string
	payload []byte
	order   uint64 // number of its arrival
	class   class
}

// class is a kind of messages, with a queue and bounds of its own.
type class uint8

const (
	events  class = iota // from this server to all others
	answers              // from this server to one of them
	classes
)

// publisher is the publishing half of channels. A message whose outcome is not
// known is not repeated, because some servers may have got it.
//
// Each class has a queue, so that answers don't displace events. The queues
// share the connection. Each class is sent in order, and has half of each batch
// if it has as much to send. Events may overtake answers. An answer never
// overtakes an earlier event, because it may depend on it.
type publisher struct {
	c       *channels
	wake    chan struct{} // a message was queued, or close was called
	drained chan struct{} // closed when flush was called and the queues are empty

	patience time.Duration // how long an event may wait while the queue is full

	mu          sync.Mutex
	queues      [classes]queue
	order       uint64
	away, ended bool
	closed      bool // drained is closed
	published   uint64
	lost        uint64
	tooLarge    uint64
}

// queue is the messages of one class that wait. Guarded by publisher.mu.
type queue struct {
	list    []publication
	sending int
	bytes   int                    // including those that are being sent
	waiting waitQueue[publication] // calls that wait for space; of events only
}

// publish is send for an event, but never waits.
func (c *channels) publish(channel string, payload []byte) error {
	return c.out.add(events, channel, payload)
}

// add queues payload, whose ownership transfers, for a channel. It does not
// wait. The error is ErrAway, ErrQueueFull, ErrClosed or cluster.ErrTooLarge.
// stats counts these, and messages that are lost later.
func (p *publisher) add(class class, channel string, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fits, err := p.try(class, channel, payload)
	if !fits {
		p.lost++
	}
	return err
}

// try is add, but reports false, and counts nothing, if the message does not
// fit or others wait. p.mu is held.
func (p *publisher) try(class class, channel string, payload []byte) (decided bool, err error) {
	switch {
	case len(payload) > p.c.cfg.maxMessage:
		p.tooLarge++
		return true, tooLarge(len(payload), p.c.cfg.maxMessage)
	case p.ended:
		p.lost++
		return true, ErrClosed
	case p.away:
		p.lost++
		return true, ErrAway
	case len(p.queues[class].waiting) > 0 || !p.put(class, channel, payload):
		return false, errFull
	}
	return true, nil
}

// put queues a message. It reports false if the message does not fit. p.mu is
// held.
func (p *publisher) put(class class, channel string, payload []byte) bool {
	cfg, q := &p.c.cfg, &p.queues[class]
	waiting := q.sending + len(q.list)
	if waiting >= cfg.maxQueued || waiting > 0 && q.bytes+len(payload) > cfg.maxQueuedBytes {
		return false
	}
	p.order++
	q.list = append(q.list, publication{channel, payload, p.order, class})
	q.bytes += len(payload)
	wake(p.wake)
	return true
}

// tooLarge returns the error for a message of so many bytes.
func tooLarge(bytes, most int) error {
	return fmt.Errorf("%w: %w: %d bytes, at most %d are allowed", cluster.ErrUnencodable, cluster.ErrTooLarge, bytes, most)
}

func (p *publisher) stats() channelsStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return channelsStats{published: p.published, lost: p.lost, tooLarge: p.tooLarge, queued: p.queued()}
}

// queued returns how many messages Redis has not taken. p.mu is held.
func (p *publisher) queued() (n int) {
	for i := range p.queues {
		n += p.queues[i].sending + len(p.queues[i].list)
	}
	return n
}

// run is the goroutine that sends.
func (p *publisher) run() {
	failed := false
	refused := false // was logged
	var batch []publication
	for {
		batch = p.next(batch[:0])
		if len(batch) == 0 {
			return
		}
		sent, err := p.send(batch)
		p.done(batch, sent)
		var reply redis.Error
		switch {
		case err == nil:
			failed = false
		case errors.As(err, &reply):
			// Redis answers, but refuses a message.
			failed = false
			if !refused {
				p.c.cfg.logger.Warn("redisadapter: Redis refuses a message", "error", err)
			}
			refused = true
		case !failed && !isTimeout(err):
			failed = true // retry at once: perhaps only the connection has broken
		default:
			p.loseQueue()
			p.c.note(publishing, err)
			if !p.comeBack() {
				return
			}
			failed, refused = false, false
		}
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// next waits for messages and appends them to batch. There are none at the end.
func (p *publisher) next(batch []publication) []publication {
	for {
		p.mu.Lock()
		batch = p.take(batch)
		p.mu.Unlock()
		if len(batch) > 0 {
			return batch
		}
		select {
		case <-p.wake:
		case <-p.c.ctx.Done():
			return nil
		}
	}
}

// take moves messages from the queues to a batch. p.mu is held.
func (p *publisher) take(batch []publication) []publication {
	count, bytes := publishCount, publishBytes
	if len(p.queues[answers].list) > 0 {
		count, bytes = count/2, bytes/2
	}
	batch = p.queues[events].take(batch, count, bytes, math.MaxUint64)
	count, bytes = publishCount-len(batch), publishBytes
	for i := range batch {
		bytes -= len(batch[i].payload)
	}
	before := uint64(math.MaxUint64)
	if list := p.queues[events].list; len(list) > 0 {
		before = list[0].order
	}
	return p.queues[answers].take(batch, count, max(bytes, publishBytes/2), before)
}

// take moves messages to a batch: at most count of them with at most bytes, but
// at least one, and only those whose order is less than before.
func (q *queue) take(batch []publication, count, bytes int, before uint64) []publication {
	n := 0
	for n < min(len(q.list), count) && q.list[n].order < before {
		if bytes -= len(q.list[n].payload); bytes < 0 && n > 0 {
			break
		}
		n++
	}
	batch = append(batch, q.list[:n]...)
	clear(q.list[:n])
	if q.list = q.list[n:]; len(q.list) == 0 {
		q.list = nil // frees the array
	}
	q.sending = n
	return batch
}

// done counts a batch, of which sent messages were sent.
func (p *publisher) done(batch []publication, sent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range batch {
		q := &p.queues[batch[i].class]
		q.bytes -= len(batch[i].payload)
		q.sending = 0
	}
	clear(batch)
	p.admit()
	p.published += uint64(sent)
	p.lost += uint64(len(batch) - sent)
	p.closeDrained()
}

// closeDrained closes drained if everything was sent. p.mu is held.
func (p *publisher) closeDrained() {
	if p.ended && !p.closed && p.queued() == 0 {
		p.closed = true
		close(p.drained)
	}
}

// send sends a batch and returns how many messages Redis has taken. answerTime
// limits the time to connect, and the silence on the connection.
func (p *publisher) send(batch []publication) (sent int, err error) {
	ctx, cancel := context.WithTimeout(p.c.ctx, answerTime)
	defer cancel()
	if p.c.unrouted != nil {
		return p.c.sendToShards(ctx, batch)
	}
	client := p.c.traffic
	if cluster, ok := client.(*redis.ClusterClient); ok {
		// One node for all messages keeps them in order.
		if client, err = cluster.MasterForKey(ctx, p.c.anchor); err != nil {
			return 0, err
		}
	}
	cmds := pipeline(ctx, client, p.c.cfg.sharded, batch)
	sent, err = outcome(cmds)
	if err != nil {
		p.c.reload()
	}
	return sent, err
}

// pipeline sends a batch to one node. Each command has its own outcome.
func pipeline(ctx context.Context, client redis.UniversalClient, sharded bool, batch []publication) []redis.Cmder {
	cmds, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range batch {
			if sharded {
				pipe.SPublish(ctx, batch[i].channel, batch[i].payload)
			} else {
				pipe.Publish(ctx, batch[i].channel, batch[i].payload)
			}
		}
		return nil
	})
	failed := func(cmd redis.Cmder) bool { return cmd.Err() != nil }
	if err != nil && !slices.ContainsFunc(cmds, failed) {
		// Redis has refused the connection, which go-redis reports nowhere
		// else.
		for _, cmd := range cmds {
			cmd.SetErr(fmt.Errorf("redisadapter: no connection: %v", err)) // not a redis.Error, as no command was answered
		}
	}
	return cmds
}

// outcome counts the commands that succeeded. Its error is that of the
// connection, or else the first one that Redis has answered.
func outcome(cmds []redis.Cmder) (succeeded int, err error) {
	for _, cmd := range cmds {
		e := cmd.Err()
		var reply redis.Error
		switch {
		case e == nil:
			succeeded++
		case err == nil || errors.As(err, &reply) && !errors.As(e, &reply):
			err = e
		}
	}
	return succeeded, err
}

// loseQueue drops the queues. Until comeBack, messages are refused.
func (p *publisher) loseQueue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	p.dropQueue()
}

// dropQueue drops the queues and counts the messages as lost. p.mu is held.
func (p *publisher) dropQueue() {
	for i := range p.queues {
		q := &p.queues[i]
		p.lost += uint64(len(q.list))
		for j := range q.list {
			q.bytes -= len(q.list[j].payload)
		}
		q.list = nil
	}
	p.admit()
	p.closeDrained()
}

// comeBack connects to Redis, again and again. It reports false at the end.
func (p *publisher) comeBack() bool {
	for wait := retryTime; ; wait = min(2*wait, maxRetryTime) {
		if !pause(p.c.ctx, wait) {
			return false
		}
		if p.c.reach(p.c.traffic) == nil {
			break
		}
	}
	p.mu.Lock()
	p.away = false
	p.mu.Unlock()
	p.c.note(publishing, nil)
	return true
}

// reach sends Redis a PING on a connection for subscriptions: go-redis logs
// nothing about those, other than about its pool.
func (c *channels) reach(client redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(c.ctx, answerTime)
	defer cancel()
	probe := client.Subscribe(ctx)
	defer probe.Close()
	if err := probe.Ping(ctx); err != nil {
		return err
	}
	_, err := probe.Receive(connected(ctx))
	return err
}

// flush waits until everything was sent, for d at most. Further messages are
// refused.
func (p *publisher) flush(d time.Duration) {
	p.mu.Lock()
	p.ended = true
	p.admit()
	p.closeDrained()
	p.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropQueue()
}

// send queues the payload of m, whose ownership transfers, for a channel: see
// publisher.add. If an event does not fit and mayWait reports true, send waits
// for queueTime at most, or until ended is closed.
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

// waits returns the function that reports whether the calling goroutine may
// wait.
func waits(local adapter.Local) func() bool {
	if w, ok := local.(adapter.Waiter); ok {
		return w.MayWait
	}
	return func() bool { return false }
}

// wait adds an event when there is space, after the events that wait already.
func (p *publisher) wait(channel string, payload []byte, ended <-chan struct{}) error {
	waiting := &p.queues[events].waiting
	p.mu.Lock()
	if decided, err := p.try(events, channel, payload); decided {
		p.mu.Unlock()
		return err
	}
	w, patience := waiting.add(publication{channel: channel, payload: payload}), p.patience
	p.mu.Unlock()
	decided, err := w.wait(patience, ended)
	if decided {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !waiting.remove(w) { // it was decided in the meantime
		return <-w.done
	}
	p.lost++
	p.admit() // the next ones may be smaller
	return err
}

// admit decides about the events that wait, as far as possible. p.mu is held.
func (p *publisher) admit() {
	p.queues[events].waiting.admit(func(m publication) (decided bool, err error) {
		switch {
		case p.ended:
			err = ErrClosed
		case p.away:
			err = ErrAway
		case p.put(events, m.channel, m.payload):
			return true, nil
		default:
			return false, nil
		}
		p.lost++
		return true, err
	})
}

// lose counts a message that did not fit.
func (p *publisher) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost++
}
