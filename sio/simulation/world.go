package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/sio"
)

// Options are what a run is made of. [Draw] draws them from a seed.
type Options struct {
	Nodes, Clients, Steps int
	Pace                  time.Duration // twice the time between two steps
	Loops                 int
	Recovery              time.Duration
	RunMiddlewares        bool
	Version3              bool
	WebSocketOnly         bool
	Counting              bool // the bus knows the number of nodes
	BusDelay              time.Duration
	Double                float64 // of the bus's messages
	Faults                looptest.Faults
	Tight                 bool // small limits
	Locks                 bool // their order is checked, which takes time
}

// World is one run.
type World struct {
	t      *testing.T
	seed   uint64
	opt    Options
	config sio.Config
	random *rand.Rand // of the order of what is ready
	net    *looptest.Network
	bus    *bus
	nodes  []*node

	clients  []*client
	sids     map[string]*client
	readable []*pipe
	agenda   []appointment
	numbers  int
	poked    chan struct{}

	mu       sync.Mutex // guards what follows; held around calls of the server that do not block
	ops      []*op
	gates    []*gate
	members  map[string]*member
	all      []*member
	messages map[messageHead]*message
	senders  map[string]*sender
	acting   map[messageHead]*action
	current  *action
	handlers map[*sio.Server]int // that run
	apps     int                 // goroutines of the application
	failures []string
	trace    uint64
	lines    []string // of the trace
	ending   bool     // a promise is broken, and the run ends

	cycles, handled, recoveries int
}

type appointment struct {
	at     time.Time
	number int
	do     func()
}

type gate struct {
	key  string
	open chan struct{}
}

// Result is what has become of a run.
type Result struct {
	Failures []string
	Hash     uint64
	Lines    []string
	Figures  string
}

// record adds a line to the trace.
func (w *World) record(line string) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %d %s", w.trace, time.Since(epoch), line)
	w.trace = h.Sum64()
	w.lines = append(w.lines, fmt.Sprintf("%12.6f %s", time.Since(epoch).Seconds(), line))
}

// epoch is when time begins in a bubble of synctest.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// fail reports a broken promise. w.mu is held.
func (w *World) fail(what string) {
	if w.ending {
		return // it may follow from the first one
	}
	w.record("BROKEN: " + what)
	w.failures = append(w.failures, fmt.Sprintf("at %.6fs: %s", time.Since(epoch).Seconds(), what))
}

func (w *World) failf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail(fmt.Sprintf(format, args...))
}

// after has f called on the world's goroutine.
func (w *World) after(d time.Duration, f func()) {
	w.numbers++
	a := appointment{time.Now().Add(d), w.numbers, f}
	i, _ := slices.BinarySearchFunc(w.agenda, a, func(x, y appointment) int {
		if c := x.at.Compare(y.at); c != 0 {
			return c
		}
		return x.number - y.number
	})
	w.agenda = slices.Insert(w.agenda, i, a)
}

func (w *World) poke() {
	select {
	case w.poked <- struct{}{}:
	default:
	}
}

// gate has the calling goroutine wait until the world lets it go on. So one
// goroutine of the application runs at a time, in an order that the seed
// determines.
func (w *World) gate(key string) {
	g := &gate{key, make(chan struct{})}
	w.mu.Lock()
	i, _ := slices.BinarySearchFunc(w.gates, g, func(a, b *gate) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	w.gates = slices.Insert(w.gates, i, g)
	w.mu.Unlock()
	w.poke()
	<-g.open
}

// turn lets one thing happen. It is false when nothing is ready.
func (w *World) turn() bool {
	synctest.Wait()
	w.cycles++
	if w.cycles%8 == 0 {
		w.inspect()
	}
	if len(w.agenda) > 0 && !w.agenda[0].at.After(time.Now()) {
		a := w.agenda[0]
		w.agenda = w.agenda[1:]
		a.do()
		return true
	}
	start := w.random.IntN(4)
	for i := range 4 {
		switch (start + i) % 4 {
		case 0:
			if what, ran := w.net.Step(); ran {
				w.record(what)
				return true
			}
		case 1:
			if len(w.readable) > 0 {
				i := w.random.IntN(len(w.readable))
				wr := w.readable[i]
				w.readable = slices.Delete(w.readable, i, i+1)
				wr.read()
				return true
			}
		case 2:
			if w.openGate() {
				return true
			}
		case 3:
			if w.bus != nil && w.bus.deliver() {
				return true
			}
		}
	}
	return false
}

func (w *World) openGate() bool {
	w.mu.Lock()
	if len(w.gates) == 0 {
		w.mu.Unlock()
		return false
	}
	i := w.random.IntN(len(w.gates))
	g := w.gates[i]
	w.gates = slices.Delete(w.gates, i, i+1)
	w.record("gate " + g.key)
	w.mu.Unlock()
	close(g.open)
	return true
}

// interrupt lets a goroutine of the application run within a burst of a loop,
// unless the loop itself is in the application.
func (w *World) interrupt() {
	if !w.mu.TryLock() {
		return
	}
	w.mu.Unlock()
	synctest.Wait() // all gates that there will be are closed
	if w.openGate() {
		synctest.Wait()
	}
}

// until runs until the time has come, or the condition holds.
func (w *World) until(end time.Time, over func() bool) {
	for time.Now().Before(end) && !over() && len(w.failures) == 0 {
		if what := invariants.Broken.Swap(nil); what != nil {
			w.failf("invariant broken: %s", *what)
		}
		if what := w.net.Forgotten(); what != "" {
			w.failf("%s", what)
		}
		if w.turn() {
			time.Sleep(time.Duration(1 + w.random.IntN(20_000)))
			continue
		}
		wait := time.Until(end)
		if d, any := w.net.NextAlarm(); any {
			wait = min(wait, d)
		}
		if len(w.agenda) > 0 {
			wait = min(wait, time.Until(w.agenda[0].at))
		}
		if w.bus != nil {
			if d, any := w.bus.next(); any {
				wait = min(wait, d)
			}
		}
		timer := time.NewTimer(max(wait, 1))
		select {
		case <-timer.C:
		case <-w.poked:
		case <-w.net.Woken():
		}
		timer.Stop()
	}
}

// Run carries out a plan, of which skip leaves steps out, in a bubble of
// testing/synctest.
func Run(t *testing.T, seed uint64, opt Options, skip func(step int) bool) Result {
	w := &World{
		t: t, seed: seed, opt: opt, random: rand.New(rand.NewPCG(seed, 2)),
		sids: make(map[string]*client), poked: make(chan struct{}, 1), members: make(map[string]*member),
		messages: make(map[messageHead]*message), senders: make(map[string]*sender), acting: make(map[messageHead]*action), handlers: make(map[*sio.Server]int),
	}
	w.config = opt.config()
	w.net = looptest.NewNetwork(rand.New(rand.NewPCG(seed, 4)), opt.Faults, synctest.Wait)
	defer w.net.Close()
	invariants.Frames.Store(0)
	invariants.Orders.Store(opt.Locks)
	defer invariants.Orders.Store(false)
	w.net.Interrupt(w.interrupt)
	steps := plan(planRandom(seed), opt)
	if opt.Nodes > 1 {
		w.bus = &bus{w: w, apart: make(map[[2]int]bool)}
	}
	for i := range opt.Clients {
		w.clients = append(w.clients, &client{w: w, id: i, random: rand.New(rand.NewPCG(seed, 100+uint64(i)))})
	}
	for i := range opt.Nodes {
		n := &node{w: w, index: i, addr: fmt.Sprintf("192.0.2.%d:80", i+1)}
		w.nodes = append(w.nodes, n)
		time.Sleep(time.Duration(1 + w.random.IntN(1_000_000)))
		n.start()
	}
	for i := range steps {
		s := &steps[i]
		if s.op != nil {
			s.op.index = len(w.ops)
			w.ops = append(w.ops, s.op)
		}
		if !skip(i) {
			w.after(s.at, func() { w.act(s) })
		}
	}
	end := time.Now()
	if len(steps) > 0 {
		end = end.Add(steps[len(steps)-1].at + time.Second)
	}
	w.until(end, func() bool { return false })
	w.settle()
	w.finish()
	for _, f := range w.failures {
		t.Errorf("seed %d: %s", seed, f) // before the bubble ends, which may panic
	}
	return Result{w.failures, w.trace, w.lines, fmt.Sprintf("%d cycles, %d events handled, %d messages, %d recovered, %.0f s",
		w.cycles, w.handled, len(w.messages), w.recoveries, time.Since(epoch).Seconds())}
}

// act carries out a step.
func (w *World) act(s *step) {
	w.record("step " + s.String())
	c, n := w.clients[s.client], w.nodes[s.node]
	var sock *socket
	if c.alive {
		sock = c.sockets[s.nsps[0]]
	}
	switch s.kind {
	case stepConnect:
		if !c.alive && n.up {
			if len(c.resume) > 0 && s.client%4 != 0 && c.node.up {
				n = c.node // most clients come back to where they were
			}
			c.connect(n, s.version, s.transport, s.nsps, s.deny)
		}
	case stepEmit, stepInline:
		for i := 0; sock != nil && i < s.repeat; i++ {
			sock.emit(s.op, s.kind == stepInline)
		}
	case stepJoin:
		if c.alive && c.open {
			c.join(s.nsps[0])
		}
	case stepLeave:
		if sock != nil {
			sock.leave()
		}
	case stepGo:
		c.leave(s.how, s.polite)
	case stepCut:
		if c.alive {
			c.cut = s.how
		}
	case stepStall:
		if c.alive && !c.stall {
			c.disturb(s.lasts, func(on bool) { c.setStall(on) })
		}
	case stepSilent:
		if c.alive && !c.silent {
			c.disturb(s.lasts, func(on bool) { c.silent = on })
		}
	case stepApp:
		w.application(n, s)
	case stepKill:
		w.kill(n, s.lasts)
	case stepPart:
		other := w.nodes[(s.node+1)%len(w.nodes)]
		if other != n {
			w.bus.part(n, other, true)
			w.after(s.lasts, func() { w.bus.part(n, other, false) })
		}
	}
}

// disturb does something to a client for a time.
func (c *client) disturb(d time.Duration, set func(on bool)) {
	serial := c.serial
	c.troubled = time.Now().Add(d)
	set(true)
	c.w.after(d, func() {
		if c.serial == serial && c.alive {
			set(false)
		}
	})
}

// application has the application act on a goroutine of its own.
func (w *World) application(n *node, s *step) {
	if !n.up {
		return
	}
	w.spawn(func() {
		w.gate(fmt.Sprintf("application %d", s.op.index))
		w.do(context.Background(), n, nil, &sender{key: fmt.Sprintf("app%d", s.op.index)}, s.op)
	})
}

// spawn calls f on a goroutine of the application's own.
func (w *World) spawn(f func()) {
	w.mu.Lock()
	w.apps++
	w.mu.Unlock()
	go func() {
		defer func() {
			w.mu.Lock()
			w.apps--
			w.mu.Unlock()
			w.poke()
		}()
		f()
	}()
}

// kill ends a node as its host's death does. It returns later.
func (w *World) kill(n *node, after time.Duration) {
	if !n.up || w.nodesUp() < 2 {
		return
	}
	w.record(fmt.Sprintf("node %d dies", n.index))
	n.up = false
	w.bus.kill(n.bus)
	for _, c := range w.clients {
		if c.alive && c.node == n {
			c.leave(cutReset, false)
		}
	}
	w.mu.Lock()
	for _, mb := range n.members {
		mb.parting = true
		mb.finish()
	}
	w.mu.Unlock()
	dead := n.server
	w.spawn(func() { _ = dead.Close() })
	began := time.Now()
	var again func()
	again = func() {
		if w.net.Listening(n.addr) {
			w.after(time.Second, again)
			return
		}
		n.start()
		w.bus.mu.Lock()
		w.bus.cut = time.Now()
		w.bus.mu.Unlock()
	}
	w.after(max(after, time.Until(began.Add(time.Second))), again)
}

func (w *World) nodesUp() (up int) {
	for _, n := range w.nodes {
		if n.up {
			up++
		}
	}
	return up
}
