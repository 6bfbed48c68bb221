package loop

import (
	"context"
	"errors"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// StopAccepting closes the listening sockets. Connections stay. Those that were
// accepted but have no handler yet are closed and counted as rejected. Adopt
// fails from now on.
func (e *Engine) StopAccepting() {
	defer e.refuse()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refusing.Swap(true) {
		return
	}
	if err := e.be.StopAccepting(); err != nil {
		e.cfg.Logger.Warn("loop: listening sockets stay open until shutdown", "error", err)
	}
}

// refuse closes the listeners of Serve, once refusing is set.
func (e *Engine) refuse() {
	e.mu.Lock()
	list := e.servings
	e.servings = nil
	select {
	case <-e.refused:
	default:
		close(e.refused)
	}
	e.mu.Unlock()
	for _, s := range list {
		s.close()
	}
}

// Shutdown stops accepting, waits until all queued bytes are written or ctx
// ends, closes all connections (Handler.Closed gets ErrShutdown) and ends the
// loops. Tasks posted until then are run. It returns ctx's error if bytes were
// discarded because of it, and nil for an engine that has ended. Goroutines and
// descriptors are gone when it returns, unless a callback blocks a loop, or a
// method of an adopted connection blocks a goroutine, for a second after ctx
// has ended. Then the error is ErrNotEnded, too.
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
		return errors.Join(err, errors.New("loop: a callback blocks a loop, or a connection's method blocks a goroutine"))
	}
}

// drain waits until no loop has anything to write.
func (e *Engine) drain(ctx context.Context) error {
	for _, l := range e.loops {
		drained := make(chan struct{})
		if !l.Post(drainTask(drained)) {
			continue
		}
		select {
		case <-drained:
		case <-e.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// drainTask has the loop close the channel at the end of the first burst that
// leaves nothing to write or close.
type drainTask chan<- struct{}

// Run registers the channel.
func (a drainTask) Run(l *Loop) {
	if l.drained != nil {
		close(l.drained) // of an earlier Shutdown, whose context has ended
	}
	l.drained = a
	l.draining.Store(true)
}

// stop ends the backend.
func (e *Engine) stop() {
	e.mu.Lock()
	e.stopping = true
	e.mu.Unlock()
	e.end()
	e.attaching.Wait() // a connection on its way needs a running loop
	e.be.Halt()
}

// finish ends what is left when the backend's loops have ended. This goroutine
// may act for them.
func (e *Engine) finish(err error) {
	e.mu.Lock()
	if err == nil && !e.stopping {
		err = ErrStopped
	}
	e.stopping = true
	e.mu.Unlock()
	e.refusing.Store(true)
	e.refuse()
	e.end()
	for _, l := range e.loops {
		l.do(burst{kind: closeStreamsBurst})
	}
	for _, l := range e.loops {
		l.do(burst{kind: closeMailboxBurst})
	}
	for _, l := range e.loops {
		l.do(burst{kind: closeStreamsBurst}) // those that the mailboxes brought
		l.stopCoroutines()
	}
	e.streaming.Wait()
	e.be.Close()
	e.err = err
	close(e.done)
}
