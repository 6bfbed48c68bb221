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

	"github.com/sioserver/sioserver/sio/cluster"
)

const (
	publishCount = 512             // messages sent at once
	publishBytes = 1 << 20         // and their bytes
	answerTime   = 2 * time.Second // how long Redis may be silent before it is lost
	maxRetryTime = time.Second     // between attempts to reach it
	roomTime     = 5 * time.Second // how long an event may wait for room

	defaultMaxMessage = 16 << 20  // half of what Redis keeps for a subscriber
	largestMessage    = 512 << 20 // that Redis takes
)

// publication is a message on its way.
type publication struct {
	channel string
	payload []byte
	order   uint64 // of its coming
	class   class
}

// class is a kind of traffic, which has a queue and its bounds for itself.
type class uint8

const (
	events  class = iota // what this server says to all others
	answers              // what it answers one of them
	classes
)

// publisher is the publishing half of channels. What was sent without an answer is
// not repeated: nobody knows who has got it.
//
// Each class has a queue, so that answers to others don't take the place of what this
// server says itself. All queues share the connection. Each class is in order, and gets
// half of each batch when it has that much to send. Events may pass answers; an answer
// never passes an event that came before it, because it may be about that.
type publisher struct {
	c       *channels
	wake    chan struct{} // something was queued, or the end has come
	drained chan struct{} // closed when nothing more is taken, and nothing waits

	patience time.Duration // how long an event may wait for room

	mu          sync.Mutex
	queues      [classes]queue
	order       uint64
	away, ended bool
	told        bool // drained is closed
	published   uint64
	lost        uint64
	tooLarge    uint64
}

// queue is what waits of one class. Guarded by publisher.mu.
type queue struct {
	list    []publication
	sending int
	bytes   int        // of what is being sent, too
	line    []*emitter // that wait for room; of events only
}

// publish is send for an event, without waiting.
func (c *channels) publish(channel string, payload []byte) error {
	return c.out.add(events, channel, payload)
}

// add has payload, whose ownership passes, sent to a channel. It does not wait: an
// error, ErrAway, ErrQueueFull, ErrClosed or cluster.ErrTooLarge, tells what can't be
// sent; what is lost later is counted. All are in stats.
func (p *publisher) add(class class, channel string, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fits, err := p.try(class, channel, payload)
	if !fits {
		p.lost++
	}
	return err
}

// try is add, but does not count a message for which there is no room, or others wait:
// it is false then. p.mu is held.
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
	case len(p.queues[class].line) > 0 || !p.put(class, channel, payload):
		return false, errNoRoom
	}
	return true, nil
}

// put reports whether there was room for a message. p.mu is held.
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

// tooLarge is the error for a message of so many bytes.
func tooLarge(bytes, most int) error {
	return fmt.Errorf("%w: %w: %d bytes, the bound is %d", cluster.ErrUnencodable, cluster.ErrTooLarge, bytes, most)
}

func (p *publisher) stats() channelsStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return channelsStats{published: p.published, lost: p.lost, tooLarge: p.tooLarge, queued: p.waiting()}
}

// waiting is how many messages Redis has not taken. p.mu is held.
func (p *publisher) waiting() (n int) {
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
			// Redis is there, but does not take everything.
			failed = false
			if !refused {
				p.c.cfg.logger.Warn("redisadapter: a message is refused", "error", err)
			}
			refused = true
		case !failed && !isTimeout(err):
			failed = true // at once again: only the connection may have broken
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

// next waits for messages, and appends them to batch; there are none at the end.
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

// take moves messages to a batch: so many of so many bytes, at least one, of those that
// came before another one.
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
		q.list = nil // lets go of the array
	}
	q.sending = n
	return batch
}

// done counts a batch, of which some were sent.
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
	p.tellDrained()
}

// tellDrained closes drained at the end. p.mu is held.
func (p *publisher) tellDrained() {
	if p.ended && !p.told && p.waiting() == 0 {
		p.told = true
		close(p.drained)
	}
}

// send sends a batch, and returns how many messages Redis has taken. answerTime limits
// how long a connection is made, and the silence on it.
func (p *publisher) send(batch []publication) (sent int, err error) {
	ctx, cancel := context.WithTimeout(p.c.ctx, answerTime)
	defer cancel()
	if p.c.unrouted != nil {
		return p.c.sendToShards(ctx, batch)
	}
	client := p.c.traffic
	if cluster, ok := client.(*redis.ClusterClient); ok {
		// One node for all, so that all stay in order.
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
		// Redis has refused the connection, which go-redis tells of nowhere else.
		for _, cmd := range cmds {
			cmd.SetErr(fmt.Errorf("redisadapter: no connection: %v", err)) // none of Redis's answers to a command
		}
	}
	return cmds
}

// outcome counts the commands that succeeded. Its error is the connection's, if
// that has one, else the first of Redis's own.
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

// loseQueue gives up what is queued; nothing more is taken.
func (p *publisher) loseQueue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	p.dropQueue()
}

// dropQueue counts what is queued as lost. p.mu is held.
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
	p.tellDrained()
}

// comeBack tries to reach Redis until that succeeds; it is false at the end.
func (p *publisher) comeBack() bool {
	for wait := retryTime; ; wait = min(2*wait, maxRetryTime) {
		if !pause(p.c.ctx, wait) {
			return false
		}
		if p.reach() == nil {
			break
		}
	}
	p.mu.Lock()
	p.away = false
	p.mu.Unlock()
	p.c.note(publishing, nil)
	return true
}

// reach asks Redis whether it is there, by a connection for subscriptions: other than
// the pool go-redis logs nothing about those.
func (p *publisher) reach() error {
	ctx, cancel := context.WithTimeout(p.c.ctx, answerTime)
	defer cancel()
	probe := p.c.traffic.Subscribe(ctx)
	defer probe.Close()
	if err := probe.Ping(ctx); err != nil {
		return err
	}
	_, err := probe.Receive(connected(ctx))
	return err
}

// flush waits until everything was sent, for d at most; nothing more is taken.
func (p *publisher) flush(d time.Duration) {
	p.mu.Lock()
	p.ended = true
	p.admit()
	p.tellDrained()
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
