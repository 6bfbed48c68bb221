package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	publishCount = 512             // messages sent at once
	publishBytes = 1 << 20         // and their bytes, or one message
	answerTime   = 2 * time.Second // how long Redis may take before it is lost
	maxRetryTime = time.Second     // between attempts to reach it
)

// publication is a message on its way.
type publication struct {
	channel string
	payload []byte
}

// publisher is the publishing half of channels. What was sent without an answer is
// not repeated: nobody knows who has got it.
type publisher struct {
	c       *channels
	wake    chan struct{} // something was queued, or the end has come
	drained chan struct{} // closed when nothing more is taken, and nothing waits

	mu          sync.Mutex
	queue       []publication
	queuedBytes int // of what is being sent, too
	sending     int
	away, ended bool
	told        bool // drained is closed
	published   uint64
	lost        uint64
}

// publish has payload, whose ownership passes, sent to a channel. It does not wait:
// an error, ErrAway, ErrQueueFull or ErrClosed, tells what can't be sent; what is lost
// later is counted. Both are in stats.
func (c *channels) publish(channel string, payload []byte) error {
	p := &c.out
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.sending + len(p.queue)
	switch {
	case p.ended:
		p.lost++
		return ErrClosed
	case p.away:
		p.lost++
		return ErrAway
	case waiting >= c.cfg.maxQueued, waiting > 0 && p.queuedBytes+len(payload) > c.cfg.maxQueuedBytes:
		p.lost++
		return ErrQueueFull
	}
	p.queue = append(p.queue, publication{channel, payload})
	p.queuedBytes += len(payload)
	wake(p.wake)
	return nil
}

func (p *publisher) stats() channelsStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return channelsStats{published: p.published, lost: p.lost, queued: p.sending + len(p.queue)}
}

// run is the goroutine that sends.
func (p *publisher) run() {
	failed := false
	refused := false // was logged
	for {
		batch := p.next()
		if batch == nil {
			return
		}
		sent, err := p.send(batch)
		p.done(batch, sent)
		var reply goredis.Error
		switch {
		case err == nil:
			failed = false
		case errors.As(err, &reply):
			// Redis is there, but does not take everything.
			failed = false
			if !refused {
				p.c.cfg.logger.Warn("redis: a message is refused", "error", err)
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

// next waits for messages; there are none at the end.
func (p *publisher) next() []publication {
	for {
		p.mu.Lock()
		n, bytes := 0, 0
		for n < min(len(p.queue), publishCount) && (n == 0 || bytes+len(p.queue[n].payload) <= publishBytes) {
			bytes += len(p.queue[n].payload)
			n++
		}
		batch := p.queue[:n]
		if p.queue = p.queue[n:]; len(p.queue) == 0 {
			p.queue = nil // lets go of the array
		}
		p.sending = n
		p.mu.Unlock()
		if n > 0 {
			return batch
		}
		select {
		case <-p.wake:
		case <-p.c.ctx.Done():
			return nil
		}
	}
}

// done counts a batch, of which some were sent.
func (p *publisher) done(batch []publication, sent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range batch {
		p.queuedBytes -= len(batch[i].payload)
		batch[i] = publication{} // the queue may still have the array
	}
	p.sending = 0
	p.published += uint64(sent)
	p.lost += uint64(len(batch) - sent)
	p.tellDrained()
}

// tellDrained closes drained at the end. p.mu is held.
func (p *publisher) tellDrained() {
	if p.ended && !p.told && p.sending+len(p.queue) == 0 {
		p.told = true
		close(p.drained)
	}
}

// send sends a batch, and returns how many messages Redis has taken.
func (p *publisher) send(batch []publication) (sent int, err error) {
	ctx, cancel := context.WithTimeout(p.c.ctx, answerTime)
	defer cancel()
	if p.c.unrouted != nil {
		return p.c.sendToShards(ctx, batch)
	}
	client := p.c.client
	if cluster, ok := client.(*goredis.ClusterClient); ok {
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
func pipeline(ctx context.Context, client goredis.UniversalClient, sharded bool, batch []publication) []goredis.Cmder {
	cmds, err := client.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
		for i := range batch {
			if sharded {
				pipe.SPublish(ctx, batch[i].channel, batch[i].payload)
			} else {
				pipe.Publish(ctx, batch[i].channel, batch[i].payload)
			}
		}
		return nil
	})
	failed := func(cmd goredis.Cmder) bool { return cmd.Err() != nil }
	if err != nil && !slices.ContainsFunc(cmds, failed) {
		// Redis has refused the connection, which go-redis tells of nowhere else.
		for _, cmd := range cmds {
			cmd.SetErr(fmt.Errorf("redis: no connection: %v", err)) // none of Redis's answers to a command
		}
	}
	return cmds
}

// outcome counts the commands that succeeded. Its error is the connection's, if
// that has one, else the first of Redis's own.
func outcome(cmds []goredis.Cmder) (succeeded int, err error) {
	for _, cmd := range cmds {
		e := cmd.Err()
		var reply goredis.Error
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
	p.lost += uint64(len(p.queue))
	for i := range p.queue {
		p.queuedBytes -= len(p.queue[i].payload)
	}
	p.queue = nil
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
	probe := p.c.client.Subscribe(ctx)
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
