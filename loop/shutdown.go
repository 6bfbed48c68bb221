package loop

import (
	"context"
	"errors"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// StopAccepting closes the listening sockets; connections stay. What was
// accepted but not yet announced is closed and counted as rejected, and Adopt
// fails from now on.
func (e *Engine) StopAccepting() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refusing.Swap(true) {
		return
	}
	if err := e.be.StopAccepting(); err != nil {
		e.cfg.Logger.Warn("loop: listening sockets stay open until shutdown", "error", err)
	}
}

// Shutdown stops accepting, waits until all queued bytes are written or ctx
// ends, closes all connections (Handler.Closed gets ErrShutdown) and ends the
// loops. Tasks posted until then are run. It returns ctx's error when bytes
// were discarded because of it, and is nil for an engine that has ended.
// Goroutines and descriptors are gone when it returns, unless a callback blocks
// a loop, or an adopted connection's methods a goroutine, for longer than a
// second beyond ctx.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.StopAccepting()
	err := e.drain(ctx)
	go e.stop()
	select {
	case <-e.done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(backend.StopGrace)
	defer grace.Stop()
	select {
	case <-e.done:
		return err
	case <-grace.C:
		return errors.Join(err, errors.New("loop: a callback keeps a loop from ending, or a connection a goroutine"))
	}
}

// drain waits until no loop has anything to write.
func (e *Engine) drain(ctx context.Context) error {
	for _, l := range e.loops {
		idle := make(chan struct{})
		if !l.Post(awaitIdle(idle)) {
			continue
		}
		select {
		case <-idle:
		case <-e.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// awaitIdle is closed at the end of the first burst that leaves nothing to
// write or close.
type awaitIdle chan<- struct{}

// Run registers the channel.
func (a awaitIdle) Run(l *Loop) {
	if l.idle != nil {
		close(l.idle) // an earlier Shutdown's, which has given up
	}
	l.idle = a
	l.draining.Store(true)
}

// stop ends the backend.
func (e *Engine) stop() {
	e.mu.Lock()
	e.stopping = true
	e.mu.Unlock()
	e.attaching.Wait() // a connection on its way needs a loop that runs
	e.be.Halt()
}

// finish ends what the backend's end leaves. The backend's loops have ended, so
// this goroutine may act in their place.
func (e *Engine) finish(err error) {
	e.mu.Lock()
	if err == nil && !e.stopping {
		err = ErrStopped
	}
	e.stopping = true
	e.mu.Unlock()
	e.refusing.Store(true)
	for _, l := range e.loops {
		l.do(burst{kind: streamsEnd})
	}
	for _, l := range e.loops {
		l.do(burst{kind: mailEnds})
	}
	for _, l := range e.loops {
		l.do(burst{kind: streamsEnd}) // those that the mailboxes brought
		l.stopCoroutines()
	}
	e.streaming.Wait()
	e.be.Close()
	e.err = err
	close(e.done)
}
