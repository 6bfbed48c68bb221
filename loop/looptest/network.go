package looptest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/internal/backend"
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

// simServer is the backend of one engine.
type simServer struct {
	n        *Network
	cfg      backend.Config
	addr     netip.AddrPort
	stations []*station

	// Guarded by Network.mu.
	refuses bool // connections
	halted  bool
	ended   bool
}

// station is the backend of one loop.
type station struct {
	*simServer
	loop   backend.Loop
	wake   bool // guarded by Network.mu
	alarm  int64
	conns  map[int]*Peer
	active []*Peer // have events for the loop
}

var (
	_ backend.Engine  = (*simServer)(nil)
	_ backend.Backend = (*station)(nil)
	_ backend.Sockets = (*station)(nil)
)

// open makes a backend that listens on cfg.Addr.
func (n *Network) open(cfg backend.Config) (backend.Engine, error) {
	s := &simServer{n: n, cfg: cfg, refuses: !cfg.Listen}
	if cfg.Listen {
		addr, err := netip.ParseAddrPort(cfg.Addr)
		if err != nil {
			return nil, err
		}
		if n.servers[cfg.Addr] != nil {
			return nil, syscall.EADDRINUSE
		}
		s.addr = addr
		n.servers[cfg.Addr] = s
	}
	for range cfg.Loops {
		st := &station{simServer: s, conns: make(map[int]*Peer)}
		s.stations = append(s.stations, st)
		n.stations = append(n.stations, st)
	}
	return s, nil
}

// Addr implements backend.Engine, as the following methods do.
func (s *simServer) Addr() net.Addr { return net.TCPAddrFromAddrPort(s.addr) }

// Backend returns the station, which holds the sockets.
func (s *simServer) Backend(i int) (backend.Backend, backend.Sockets) {
	return s.stations[i], s.stations[i]
}

// Start takes the loops.
func (s *simServer) Start(loops []backend.Loop) error {
	for i, l := range loops {
		s.stations[i].loop = l
	}
	return nil
}

// StopAccepting refuses connections.
func (s *simServer) StopAccepting() error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.refuses = true
	return nil
}

// AcceptFailures is 0: there are no descriptors to run out of.
func (s *simServer) AcceptFailures() int64 { return 0 }

// Exhausted is false.
func (s *simServer) Exhausted(backend.Socket) bool { return false }

// Halt has Step end the loops.
func (s *simServer) Halt() {
	s.n.mu.Lock()
	s.halted, s.refuses = true, true
	s.n.mu.Unlock()
	s.n.notify()
}

// Close has nothing to release.
func (s *simServer) Close() {}

// end ends the loops of a halted server.
func (s *simServer) end() {
	s.ended = true
	for _, st := range s.stations {
		fds := make([]int, 0, len(st.conns))
		for fd := range st.conns {
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		for _, fd := range fds {
			p := st.conns[fd]
			p.drop()
			if p.conn != nil {
				st.loop.Lose(p.conn, nil)
			}
		}
	}
	if s.cfg.Listen {
		delete(s.n.servers, s.cfg.Addr)
	}
	s.n.stations = slices.DeleteFunc(s.n.stations, func(st *station) bool { return st.simServer == s })
	s.cfg.Host.Ended(nil)
}

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

func (st *station) interrupted() {
	if st.n.interrupt != nil && st.n.chance(st.n.faults.Interrupt) {
		st.n.interrupt()
	}
}

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

// cycle is what one wait of the poller reports.
func (st *station) cycle() (what string) {
	woken := st.takeWake()
	if count := len(st.active); count > 0 {
		events := 1 + st.n.random.IntN(count)
		for range events {
			if len(st.active) == 0 {
				break
			}
			i := st.n.random.IntN(len(st.active))
			p := st.active[i]
			st.active = slices.Delete(st.active, i, i+1)
			p.active = false
			what += p.event() + " "
			st.n.settle()
		}
	}
	if woken {
		st.loop.Turn()
		what += "turn"
	}
	return what
}

func (st *station) takeWake() bool {
	st.n.mu.Lock()
	defer st.n.mu.Unlock()
	woken := st.wake
	st.wake = false
	return woken
}

// Wake implements backend.Backend, as the following methods do.
func (st *station) Wake() {
	st.n.mu.Lock()
	st.wake = true
	st.n.mu.Unlock()
	st.n.notify()
}

// SetTimer is for NextAlarm and Step.
func (st *station) SetTimer(at int64) {
	st.alarm = at
	st.interrupted()
}

// Now is the runtime's time.
func (st *station) Now() int64 { return st.n.now() }

// Unread reports what Step would deliver.
func (st *station) Unread() bool { return len(st.active) > 0 }

// Idle goes on with the burst if the loop was woken meanwhile.
func (st *station) Idle(c backend.Conn) {
	if !st.n.chance(st.n.faults.Linger) || !st.takeWake() {
		return
	}
	st.loop.Continue(c)
}

// Peer is the client's end of a connection. It belongs to the network's
// goroutine.
type Peer struct {
	n      *Network
	st     *station
	fd     int
	remote netip.AddrPort
	conn   backend.Conn

	in     []byte // on the way to the server
	inEnd  error  // comes after in
	out    []byte // on the way to the peer
	window int    // how much of it the kernels hold

	active   bool // on the station's list
	opened   bool
	closed   bool // the server is done with it
	ended    bool // the server has closed its sending half
	gone     bool // the peer has closed both halves
	vanished bool // the peer's host has
	paused   bool
	watched  bool
	waiting  bool
	notice   uint32
	since    time.Time // when the first byte was sent that the peer's host has not acknowledged
	handoff  any       // of a connection that moves
	arrived  func()    // see Notify
	lost     func()    // called instead of opening it
}

// window is how much a connection holds for a peer that does not read.
const window = 64 << 10

// Dial connects to the server that listens on addr.
func (n *Network) Dial(addr string, remote netip.AddrPort) (*Peer, error) {
	s := n.servers[addr]
	n.mu.Lock()
	defer n.mu.Unlock()
	if s == nil || s.refuses {
		return nil, syscall.ECONNREFUSED
	}
	n.lastFD++
	p := &Peer{n: n, st: s.stations[n.random.IntN(len(s.stations))], fd: n.lastFD, remote: remote, window: window}
	p.st.conns[p.fd] = p
	p.touch()
	return p, nil
}

// touch puts p on its loop's list if it has an event.
func (p *Peer) touch() {
	if !p.active && p.due() {
		p.active = true
		p.st.active = append(p.st.active, p)
	}
}

func (p *Peer) due() bool {
	switch {
	case p.closed:
		return false
	case !p.opened, p.handoff != nil:
		return true
	}
	return p.readable() || p.writable()
}

func (p *Peer) readable() bool { return !p.paused && (len(p.in) > 0 || p.inEnd != nil) }
func (p *Peer) writable() bool { return p.waiting && (len(p.out) < p.window || p.inEnd != nil) }

// event delivers one event to the loop.
func (p *Peer) event() (what string) {
	st := p.st
	defer p.touch()
	switch {
	case p.closed:
		return fmt.Sprintf("%d over", p.fd)
	case p.handoff != nil:
		p.arrive()
		return fmt.Sprintf("%d moved", p.fd)
	case !p.opened:
		p.opened = true
		p.conn = st.loop.Open(p, net.TCPAddrFromAddrPort(p.remote), nil)
		if p.conn == nil {
			p.drop()
		}
		return fmt.Sprintf("%d opened", p.fd)
	case p.writable():
		p.waiting = false
		st.loop.Writable(p.notice)
		return fmt.Sprintf("%d writable", p.fd)
	case !p.readable():
		return fmt.Sprintf("%d quiet", p.fd)
	case len(p.in) > 0:
		k := min(len(p.in), 64<<10)
		if p.n.chance(p.n.faults.Cut) {
			k = 1 + p.n.random.IntN(k)
		}
		b := slices.Clone(p.in[:k])
		p.in = p.in[k:]
		st.loop.Receive(p.conn, b)
		return fmt.Sprintf("%d<%d", p.fd, k)
	default:
		end := p.inEnd
		p.drop()
		st.loop.Lose(p.conn, end)
		return fmt.Sprintf("%d lost", p.fd)
	}
}

// arrive ends a move.
func (p *Peer) arrive() {
	handoff, lost := p.handoff, p.lost
	p.handoff, p.lost = nil, nil
	defer p.st.cfg.Host.EndAttach()
	if p.n.chance(p.n.faults.LostMove) {
		p.drop()
		lost()
		return
	}
	p.conn = p.st.loop.Open(p, net.TCPAddrFromAddrPort(p.remote), handoff)
	if p.conn == nil {
		p.drop()
	}
}

// drop ends the server's side.
func (p *Peer) drop() {
	p.closed = true
	delete(p.st.conns, p.fd)
	p.tell()
}

// Fd implements backend.Socket.
func (p *Peer) Fd() int { return p.fd }

// Write sends b to the server.
func (p *Peer) Write(b []byte) {
	if p.inEnd != nil || p.vanished || p.closed {
		return
	}
	p.in = append(p.in, b...)
	p.touch()
}

// CloseWrite ends the peer's sending half.
func (p *Peer) CloseWrite() {
	if p.inEnd == nil && !p.vanished {
		p.inEnd = io.EOF
		p.touch()
	}
}

// Close ends both halves.
func (p *Peer) Close() {
	p.CloseWrite()
	p.gone = true
	p.out = nil
}

// Reset ends the connection at once: what is under way is lost.
func (p *Peer) Reset() {
	if p.vanished {
		return
	}
	p.in, p.out, p.gone = nil, nil, true
	p.inEnd = syscall.ECONNRESET
	p.touch()
}

// Vanish makes the peer's host disappear without a word.
func (p *Peer) Vanish() {
	p.vanished, p.gone, p.in, p.out = true, true, nil, nil
}

// Notify has f called when Read has something new to return. f must not use
// the network.
func (p *Peer) Notify(f func()) { p.arrived = f }

func (p *Peer) tell() {
	if p.arrived != nil && !p.gone {
		p.arrived()
	}
}

// Narrow sets how many bytes wait for a peer that does not read.
func (p *Peer) Narrow(bytes int) { p.window = bytes }

// Read takes at most limit bytes of what has arrived, and reports whether there
// is more to come.
func (p *Peer) Read(limit int) (b []byte, more bool) {
	if p.gone {
		return nil, false
	}
	k := min(limit, len(p.out))
	b = slices.Clone(p.out[:k])
	p.out = p.out[k:]
	p.touch()
	return b, len(p.out) > 0 || !p.ended && !p.closed
}

// Arrived is how many bytes Read could take.
func (p *Peer) Arrived() int { return len(p.out) }

// Over reports whether the server has closed or ended the connection.
func (p *Peer) Over() bool { return p.ended || p.closed }

// Send implements backend.Wire, as the following methods do.
func (st *station) Send(fd int, b []byte) (int, error) { return st.Sendv(fd, [][]byte{b}) }

// Sendv takes as much as there is room for.
func (st *station) Sendv(fd int, bufs [][]byte) (n int, err error) {
	defer st.interrupted()
	p := st.conns[fd]
	if p == nil {
		return 0, syscall.EBADF
	}
	if p.inEnd == syscall.ECONNRESET {
		return 0, syscall.EPIPE
	}
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	room := min(total, max(0, p.window-len(p.out)))
	if p.n.chance(p.n.faults.ShortSend) {
		room = p.n.random.IntN(room + 1)
	}
	for _, b := range bufs {
		k := min(len(b), room-n)
		p.out = append(p.out, b[:k]...)
		n += k
	}
	switch {
	case n > 0 && p.vanished:
		if p.since.IsZero() {
			p.since = time.Now()
		}
	case n > 0 && p.gone: // the peer's kernel resets it
		p.Reset()
	}
	if n > 0 {
		p.tell()
	}
	return n, nil
}

// CloseWrite ends the server's sending half.
func (st *station) CloseWrite(fd int) error {
	p := st.conns[fd]
	p.ended = true
	p.tell()
	return nil
}

// HungUp reports the peer's end.
func (st *station) HungUp(fd int) bool { return st.conns[fd].inEnd != nil }

// Unacknowledged is positive for a peer whose host has vanished.
func (st *station) Unacknowledged(fd int) time.Duration {
	if p := st.conns[fd]; !p.since.IsZero() {
		return time.Since(p.since)
	}
	return 0
}

// Pause stops reading.
func (st *station) Pause(s backend.Socket) error {
	s.(*Peer).paused = true
	return nil
}

// Resume reads again.
func (st *station) Resume(s backend.Socket) error {
	p := s.(*Peer)
	p.paused = false
	p.touch()
	return nil
}

// Watch asks for a notice.
func (st *station) Watch(fd int, id uint32, _ bool) error {
	p := st.conns[fd]
	p.watched, p.waiting, p.notice = true, true, id
	p.touch()
	return nil
}

// Unwatch forgets it.
func (st *station) Unwatch(fd int) {
	if p := st.conns[fd]; p != nil {
		p.watched, p.waiting = false, false
	}
}

// Close closes a connection.
func (st *station) Close(s backend.Socket) { s.(*Peer).drop() }

// Holds is false: connections are made by Dial.
func (st *station) Holds(net.Conn) bool { return false }

// Enroll is not called.
func (st *station) Enroll(net.Conn, any) error { return syscall.ENOTSUP }

// Release loses the connection: there is no net.Conn.
func (st *station) Release(s backend.Socket, taken func(net.Conn, error)) {
	s.(*Peer).drop()
	go taken(nil, syscall.ENOTSUP)
}

// Detach takes the connection out of its loop.
func (st *station) Detach(s backend.Socket) (any, error) {
	p := s.(*Peer)
	delete(st.conns, p.fd)
	if i := slices.Index(st.active, p); i >= 0 {
		st.active = slices.Delete(st.active, i, i+1)
	}
	p.active, p.conn, p.waiting, p.paused = false, nil, false, false
	return p, nil
}

// Attach announces the connection to this loop.
func (st *station) Attach(stream, handoff any, failed func(error)) {
	p := stream.(*Peer)
	if !st.cfg.Host.BeginAttach() {
		p.closed = true
		failed(backend.ErrShutdown)
		return
	}
	p.st, p.handoff, p.lost = st, handoff, func() { failed(syscall.ECONNRESET) }
	st.conns[p.fd] = p
	p.touch()
}
