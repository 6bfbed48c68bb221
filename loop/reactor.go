package loop

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// reactor is a loop's backend over gnet and the kernel.
type reactor struct {
	e         *Engine
	loop      *Loop
	el        atomic.Pointer[gnet.EventLoop] // nil until bound
	unbound   error                          // gnet's epoll instance was not found; known to bindLoops
	goroutine string                         // which gnet runs the loop on
	current   gnet.Conn                      // whose event gnet is handling
	closing   bool                           // current is to be closed
	timer     *time.Timer
	iovecs    []unix.Iovec
	rest      rest
	stand     *stand // runs burst; nil until there is one to run
	burst     burst
	turns     atomic.Int32 // that may have kept gnet from its events; only the loop changes it

	// Guarded by rest.mu.
	turning bool // gnet is running a turn
	owed    bool // another one, for which gnet is summoned when that has ended
	ended   bool // gnet ends: its eventfd may be closed, and reused
}

// maxTurns bounds the turns that are run before gnet is asked for events, so that
// those who post cannot keep the loop from its connections.
const maxTurns = 8

// reactorOf returns the reactor that is bound to gnet's loop el, binding a free
// one when there is none.
func (e *Engine) reactorOf(el gnet.EventLoop) *reactor {
	for _, r := range e.reactor {
		if p := r.el.Load(); p != nil && *p == el {
			return r
		}
	}
	e.binding.Lock()
	defer e.binding.Unlock()
	for _, r := range e.reactor {
		if r.el.Load() == nil {
			bound := el // of its own, so that el is none of the heap's
			r.el.Store(&bound)
			return r
		}
	}
	panic("loop: gnet has more loops than it was told")
}

// settle ends the handling of gc's event. gnet must not close a connection
// while it is handling it, but takes the wish as the result.
func (r *reactor) settle(gc gnet.Conn) gnet.Action {
	r.current = nil
	if r.closing {
		r.closing = false
		gc.SetContext(nil)
		return gnet.Close
	}
	return gnet.None
}

// Run is a turn: gnet calls it after the events of a poll, and again at once when
// it is summoned meanwhile.
func (r *reactor) Run(context.Context) error {
	r.turns.Add(1)
	r.rest.mu.Lock()
	r.rest.summoned, r.turning = false, true
	r.rest.mu.Unlock()
	r.do(burst{kind: aTurn})
	r.rest.mu.Lock()
	defer r.rest.mu.Unlock()
	r.turning = false
	if r.owed {
		r.owed = false
		r.turns.Store(0)
		go r.summonLater() // when gnet has left its queue
	}
	return nil
}

// idle rests at the end of the burst of c, nil for a turn, and runs what is posted
// meanwhile, until gnet has something to do.
func (r *reactor) idle(c *Conn) {
	if c != nil {
		r.turns.Store(0)
	}
	for !r.closing && r.rest.begin() {
		end, woken := r.rest.sleep()
		switch {
		case end == byWake:
			r.turns.Store(0)
		case end == atOnce && r.turns.Add(1) >= maxTurns:
			if r.rest.ready() {
				end = byEvents
			} else {
				r.turns.Store(0)
			}
		}
		switch {
		case end == byEvents:
			if woken {
				r.Wake()
			}
			return
		case end == atOnce && c != nil:
			// gnet may have reported other events together with c's.
			r.loop.prolong(c)
		default:
			r.loop.turn()
		}
	}
}

func (r *reactor) Wake() {
	r.rest.mu.Lock()
	defer r.rest.mu.Unlock()
	// What is posted while the loop cannot be woken is run when it is bound,
	// or after gnet's end.
	el := r.el.Load()
	if r.rest.wake() || el == nil || r.ended {
		return
	}
	r.rest.summoned = true
	if r.turning && r.turns.Load() >= maxTurns {
		r.owed = true
		return
	}
	r.summon()
}

// summonLater is summon for another goroutine than the loop's.
func (r *reactor) summonLater() {
	r.rest.mu.Lock()
	defer r.rest.mu.Unlock()
	if !r.ended {
		r.summon()
	}
}

// summon has gnet run a turn. rest.mu is held, and gnet has not ended.
func (r *reactor) summon() {
	if err := (*r.el.Load()).Execute(context.Background(), r); err != nil {
		r.loop.log.Error("loop: cannot wake a loop", "error", err)
	}
}

// Unread asks gnet's epoll instance. Where that is not known there may always be
// events.
func (r *reactor) Unread() bool { return r.rest.file == nil || r.rest.ready() }

func (r *reactor) Now() int64 { return int64(time.Since(epoch)) }

// epoch is a little in the past, so that Now is positive from the start.
var epoch = time.Now().Add(-time.Second)

func (r *reactor) SetTimer(at int64) {
	d := time.Duration(at - r.Now())
	if r.timer == nil {
		r.timer = time.AfterFunc(d, func() { r.loop.Post(tick{}) })
		return
	}
	r.timer.Reset(d)
}

func (r *reactor) Watch(fd int, id uint32, again bool) error {
	return r.e.watcher.watch(fd, r.loop.index, id, again)
}

func (r *reactor) Unwatch(fd int) { r.e.watcher.unwatch(fd) }

func (r *reactor) Close(s backend.Socket) {
	gc := s.(gnet.Conn)
	if gc == r.current {
		r.closing = true
		return
	}
	gc.SetContext(nil)
	if err := gc.EventLoop().Close(gc); err != nil {
		r.loop.log.Debug("loop: closing a descriptor", "error", err)
	}
}

// Detach duplicates the descriptor, so that the original's close does not end
// the stream.
func (r *reactor) Detach(s backend.Socket) (any, error) {
	fd, err := r.e.spares.dup(s.Fd())
	r.Close(s)
	return fd, os.NewSyscallError("fcntl", err)
}

func (r *reactor) Release(s backend.Socket, taken func(net.Conn, error)) {
	stream, err := r.Detach(s)
	switch {
	case err != nil:
		go taken(nil, err)
	case !r.e.beginAttach():
		_ = unix.Close(stream.(int))
		go taken(nil, ErrShutdown)
	default:
		go func() {
			nc, err := r.e.openStream(stream.(int))
			r.e.attaching.Done()
			taken(nc, err)
		}()
	}
}

// openStream makes a net.Conn of descriptor fd, which is consumed.
func (e *Engine) openStream(fd int) (net.Conn, error) {
	e.moves <- struct{}{} // it needs a descriptor of its own: few at a time
	defer func() { <-e.moves }()
	f := os.NewFile(uintptr(fd), "")
	defer e.spares.fill() // fd may be one of them
	defer f.Close()
	return net.FileConn(f)
}

func (r *reactor) Attach(stream, attached any, failed func(error)) {
	if !r.e.beginAttach() {
		_ = unix.Close(stream.(int))
		failed(ErrShutdown)
		return
	}
	go func() {
		defer r.e.attaching.Done()
		r.e.moves <- struct{}{} // a move needs descriptors of its own: few at a time
		defer func() { <-r.e.moves }()
		if err := r.enter(stream.(int), attached.(*ticket)); err != nil {
			failed(err)
		}
	}()
}

// enter opens the stream with descriptor fd, which is consumed, on the loop.
func (r *reactor) enter(fd int, t *ticket) error {
	f := os.NewFile(uintptr(fd), "")
	defer r.e.spares.fill()
	defer f.Close()
	for try := 1; ; try++ {
		nc, err := net.FileConn(f)
		if err == nil {
			err = r.enroll(nc, t)
		}
		if !scarce(err) || try == moveTries || r.e.isStopping() {
			return err
		}
		time.Sleep(moveRetry)
	}
}

// enroll opens nc on the loop and waits for it. nc is consumed.
func (r *reactor) enroll(nc net.Conn, t *ticket) error {
	if nc.RemoteAddr() == nil { // gnet would panic, and leak a descriptor
		_ = nc.Close()
		return os.NewSyscallError("getpeername", unix.ENOTCONN)
	}
	select {
	case <-r.e.ready:
	case <-r.e.done:
		_ = nc.Close()
		return ErrShutdown
	}
	r.rest.visit()
	defer r.rest.leave()
	opened, err := (*r.el.Load()).Enroll(gnet.NewContext(context.Background(), t), nc)
	if err != nil {
		_ = nc.Close()
		return err
	}
	select {
	case res := <-opened:
		if res.Err == nil && !t.opened {
			return ErrRejected
		}
		return res.Err
	case <-r.e.done:
		return ErrShutdown
	}
}

func (r *reactor) stopTimer() {
	if r.timer != nil {
		r.timer.Stop()
	}
}
