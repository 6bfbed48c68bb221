package looptest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

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
