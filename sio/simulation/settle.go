package simulation

import (
	"context"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
)

// settle lets all that is under way arrive, and checks what must have.
func (w *World) settle() {
	w.after(0, func() {
		for _, c := range w.clients {
			c.cut = cutNot
			if c.alive && c.stall {
				c.setStall(false)
			}
			c.silent = false
		}
	})
	w.until(time.Now().Add(3*time.Minute), func() bool { return false })
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.failures) > 0 {
		return
	}
	if w.apps > 0 || len(w.gates) > 0 {
		w.fail(fmt.Sprintf("%d goroutines of the application have not returned, %d wait", w.apps, len(w.gates)))
	}
	for _, c := range w.clients {
		for _, nsp := range namespaces {
			if s := c.sockets[nsp]; c.alive && s != nil {
				w.checkSocket(s)
			}
		}
	}
	for _, n := range w.nodes {
		w.checkRooms(n, true)
	}
}

// checkSocket checks a client's socket when nothing is under way. w.mu is held.
func (w *World) checkSocket(s *socket) {
	switch s.state {
	case joining:
		w.fail(fmt.Sprintf("client %d waits for %s", s.c.id, s.nsp))
	case joined:
		mb := s.member
		if !mb.certain() {
			w.fail(fmt.Sprintf("%v is connected for its client, but not for the server: stage %d, connected %v, %s", mb, mb.stage, mb.server.Connected(), mb.reason))
			return
		}
		if all := mb.missing(); len(all) > 0 {
			w.fail(fmt.Sprintf("%v has not got %v", mb, all))
		}
		for name, sent := range map[string]int{"op": s.sent, "inline": s.inline} {
			if n := mb.handled[s.serial+name]; n != sent {
				w.fail(fmt.Sprintf("%v: %d of %d events (%s) are handled", mb, n, sent, name))
			}
		}
		for id, e := range s.awaits {
			if e.inline && e.op.kind != panics || !e.inline && e.op.answered() {
				w.fail(fmt.Sprintf("%v: event %d is not acknowledged (id %d): %v", mb, e.n, id, e.op))
			}
		}
	}
}

// finish ends all, and checks that nothing is left.
func (w *World) finish() {
	w.after(0, func() {
		for i, c := range w.clients {
			c.leave(cut(1+i%3), i%4 == 0)
		}
	})
	if len(w.failures) == 0 {
		w.until(time.Now().Add(2*time.Minute), func() bool { return w.quiet() })
	}
	if len(w.failures) == 0 {
		for _, n := range w.nodes {
			if timers := w.net.Timers(n.addr); timers > 0 {
				w.failf("node %d: %d timers are armed when all clients have left: %+v", n.index, timers, n.server.Stats())
			}
		}
		w.until(time.Now().Add(2*time.Minute+2*w.opt.Recovery), func() bool { return false })
	}
	if len(w.failures) == 0 {
		for _, n := range w.nodes {
			w.checkEmpty(n)
		}
	}
	failed := w.failures
	w.mu.Lock()
	w.failures, w.ending = nil, len(failed) > 0 // so that the end is orderly
	w.mu.Unlock()
	ended := 0
	for _, n := range w.nodes {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err := n.server.Shutdown(ctx)
			w.mu.Lock()
			defer w.mu.Unlock()
			if err != nil && len(failed) == 0 {
				w.fail(fmt.Sprintf("node %d: Shutdown: %v", n.index, err))
			}
			ended++
			w.poke()
		}()
	}
	w.until(time.Now().Add(2*time.Minute), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return ended == len(w.nodes) && w.apps == 0 && len(w.gates) == 0
	})
	if ended < len(w.nodes) && len(failed) == 0 {
		w.failures = append(w.failures, "Shutdown does not return")
	}
	w.failures = append(failed, w.failures...)
	synctest.Wait()
	if frames := invariants.Frames.Load(); frames != 0 && len(w.failures) == 0 {
		w.failures = append(w.failures, fmt.Sprintf("%d frames have references at the end", frames))
	}
}

// quiet reports whether the servers have no clients, and nothing to do.
func (w *World) quiet() bool {
	for _, n := range w.nodes {
		st := n.server.Stats()
		if st.Clients+st.HandlersRunning+st.HandlersWaiting+st.Pending > 0 || st.Loop.Connections > 0 {
			return false
		}
	}
	return true
}
