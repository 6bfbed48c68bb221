package sio

import (
	"context"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// maxClosers is how many adapters are closed at the same time.
const maxClosers = 64

// closeGrace is how long Shutdown waits for adapters after its context has ended:
// an adapter that can't reach the other servers needs up to two seconds.
const closeGrace = 3 * time.Second

// closer closes the adapters of namespaces that have ended, on goroutines of its
// own because that may block: a few at a time, and nothing else waits for it. Safe
// for concurrent use.
type closer struct {
	mu      sync.Mutex
	waiting []closing
	running int
	idle    chan struct{} // closed when nothing is left to close; nil unless waited for
}

type closing struct {
	ns      *Namespace
	adapter adapter.Adapter
	err     chan error // the outcome; closed
}

// close closes the adapter a of ns, once. The error can be received when that has
// happened.
func (c *closer) close(ns *Namespace, a adapter.Adapter) <-chan error {
	job := closing{ns, a, make(chan error, 1)}
	if ns.closing.Swap(true) {
		close(job.err)
		return job.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, job)
	if c.running < maxClosers {
		c.running++
		go c.run()
	}
	return job.err
}

// run closes what waits.
func (c *closer) run() {
	ended := false
	defer func() {
		if !ended {
			go c.run() // an adapter's Close has ended the goroutine
		}
	}()
	for {
		job, ok := c.next()
		if !ok {
			ended = true
			return
		}
		job.run()
	}
}

// next returns what waits longest. It reports false when nothing does, and the
// caller ends.
func (c *closer) next() (job closing, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		job = c.waiting[0]
		c.waiting[0] = closing{}
		c.waiting = c.waiting[1:]
		return job, true
	}
	if c.running--; c.running == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	return closing{}, false
}

func (job closing) run() {
	defer close(job.err)
	defer job.ns.forgotten()
	job.ns.srv.apart("close", func() {
		if err := job.adapter.Close(); err != nil {
			job.ns.srv.cfg.Logger.Warn("sio: can't close the adapter", "namespace", job.ns.name, "error", err)
			job.err <- err
		}
	})
}

// wait waits until nothing is left to close. When ctx ends first it gives
// closeGrace more, then returns the error of ctx.
func (c *closer) wait(ctx context.Context) error {
	c.mu.Lock()
	if c.running == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-idle:
		return nil
	case <-time.After(closeGrace):
		return ctx.Err()
	}
}
