package looptest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// Network is an in-memory network for whole servers: while it is open, the
// engines that loop.Listen starts run on it, with their own Loops, limits and
// Shutdown. It decides by a random generator which loop runs next, at which
// bytes the reads are cut and how much a send takes, so a seed determines all
// that it does.
//
// One goroutine, the network's, plays all loops: it must make every call except
// those of the engines. Time is that of the runtime: in a bubble of
// testing/synctest it is virtual.
type Network struct {
	random  *rand.Rand
	faults  Faults
	epoch   time.Time
	woken   chan struct{}
	restore func()

	servers  map[string]*simServer
	stations []*station // of all servers
	lastFD   int

	settle    func()
	interrupt func()
	forgotten string

	mu sync.Mutex // guards what other goroutines change: see station and simServer
}

// Faults are how often a network does what is legal but rare. Each is a
// probability between 0 and 1.
type Faults struct {
	Cut       float64 // a read brings a part of what has arrived
	ShortSend float64 // a send takes a part of what there is room for
	LostMove  float64 // a connection is lost on the way to another loop
	Linger    float64 // the backend goes on with a burst because of a wake-up
	Interrupt float64 // the function given to Network.Interrupt runs within a burst
}

// NewNetwork opens a network. It must be closed. settle is called after each
// event; it waits until all other goroutines are blocked, as synctest.Wait
// does.
func NewNetwork(random *rand.Rand, faults Faults, settle func()) *Network {
	n := &Network{
		settle: settle, random: random, faults: faults, epoch: time.Now().Add(-time.Second),
		woken: make(chan struct{}, 1), servers: make(map[string]*simServer),
	}
	n.restore = loop.Simulate(n.open)
	return n
}

// Close ends the network. Its engines must have ended.
func (n *Network) Close() { n.restore() }

// Listening reports whether a server has the address.
func (n *Network) Listening(addr string) bool { return n.servers[addr] != nil }

// Timers is how many timers the loops of the server at addr have.
func (n *Network) Timers(addr string) (count int) {
	if s := n.servers[addr]; s != nil {
		for _, st := range s.stations {
			count += loop.Timers(st.loop)
		}
	}
	return count
}

// Forgotten names a loop that has slept although tasks waited for it; "" if
// there was none.
func (n *Network) Forgotten() string { return n.forgotten }

// Interrupt has f called at times while a loop is in a burst, as other
// goroutines run at the same time as a loop does. f may let them run until they
// block.
func (n *Network) Interrupt(f func()) { n.interrupt = f }

// Woken holds a value when another goroutine has given a loop something to do.
func (n *Network) Woken() <-chan struct{} { return n.woken }

func (n *Network) notify() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

func (n *Network) chance(p float64) bool { return p > 0 && n.random.Float64() < p }

// now is the time that the loops see.
func (n *Network) now() int64 { return int64(time.Since(n.epoch)) }

// NextAlarm is how long it takes until a loop's timer is due.
func (n *Network) NextAlarm() (d time.Duration, any bool) {
	next := int64(0)
	for _, st := range n.stations {
		if st.alarm != 0 && (next == 0 || st.alarm < next) {
			next = st.alarm
		}
	}
	return max(0, time.Duration(next-n.now())), next != 0
}

// Step lets one loop handle some of what waits for it, as one wait of its
// poller. It reports which one that was, or false when no loop has anything to
// do now.
func (n *Network) Step() (what string, ran bool) {
	now := n.now()
	var ready []*station
	for _, st := range n.stations {
		if st.alarm != 0 && st.alarm <= now {
			st.alarm = 0
			st.loop.Tick()
		}
		n.mu.Lock()
		halts, busy := st.halted && !st.ended, st.wake
		n.mu.Unlock()
		if halts {
			st.end()
			return fmt.Sprintf("%v ends", st.addr), true
		}
		if busy || len(st.active) > 0 {
			ready = append(ready, st)
		}
	}
	if len(ready) == 0 {
		for _, st := range n.stations {
			if loop.HasMail(st.loop) {
				n.forgotten = fmt.Sprintf("loop %d of %v sleeps although tasks wait for it", slices.Index(st.stations, st), st.addr)
			}
		}
		return "", false
	}
	st := ready[n.random.IntN(len(ready))]
	return fmt.Sprintf("%v/%d %s", st.addr, slices.Index(st.stations, st), st.cycle()), true
}
