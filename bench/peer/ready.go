//go:build linux

package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
)

const readyTimeout = 20 * time.Second

// errPortTaken says that another process listens on the port that was chosen
// for a server.
var errPortTaken = errors.New("another process has taken the port")

// awaitReady waits until the server listens. That something accepts connections
// is not enough: between the choice of a port and the server's start another
// process may have taken it, and with SO_REUSEPORT even both may listen.
func (p *Process) awaitReady() error {
	for deadline := time.Now().Add(readyTimeout); ; {
		own, others, err := measure.Listeners(p.PID(), p.Addr.Port())
		if err == nil && others > 0 {
			return fmt.Errorf("%s: %w %d", p.Peer.Name, errPortTaken, p.Addr.Port())
		}
		if err == nil && own > 0 {
			return nil
		}
		select {
		case <-p.exited:
			if p.saysTaken() {
				return fmt.Errorf("%w (%w %d)", p.Ended(), errPortTaken, p.Addr.Port())
			}
			return p.Ended()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s did not listen on %s within %s: %s", p.Peer.Name, p.Addr, readyTimeout, lastLine(p.stderr.bytes())), err)
		}
	}
}

// saysTaken reports whether a process that has ended wrote that its port is
// taken, in the words of one of the runtimes that are used here. What took it
// need not listen: the local end of a connection is enough.
func (p *Process) saysTaken() bool {
	wrote := p.stderr.bytes()
	for len(p.lines) > 0 {
		wrote = append(wrote, <-p.lines...)
	}
	wrote = bytes.ToLower(wrote)
	return slices.ContainsFunc([]string{"address already in use", "eaddrinuse", "is taken"}, func(words string) bool {
		return bytes.Contains(wrote, []byte(words))
	})
}

func freePort() (uint16, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
}
