//go:build linux

package peer

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/bench/measure"
)

// Flood says what stock clients do.
type Flood struct {
	Transport string // "polling", "websocket", or "upgrade" from one to the other
	Clients   int
	Events    int // that each of them emits
}

// FloodReport is what a program of stock clients reports: that it is ready, or
// how it ended for one client.
type FloodReport struct {
	Ready      bool   `json:"ready"`
	Client     int    `json:"client"`
	Handled    int    `json:"handled"`    // events, as the server says
	Disordered int    `json:"disordered"` // of them, out of order
	Reason     string `json:"reason"`     // why the client has no answer, "" when it has
}

// StartClients starts the server's stock clients on the cores of this process,
// and at a lower priority, as they share them with the load. They wait for
// BeginFlood.
func (s *Servers) StartClients(f Flood) (*Process, error) {
	node := s.Nodes[0]
	p := node.Peer
	args := append(p.expandAll(p.Clients.Command[1:]), "http://"+node.Addr.String(), f.Transport, strconv.Itoa(f.Clients), strconv.Itoa(f.Events))
	cmd := exec.Command(p.expand(p.Clients.Command[0]), args...)
	cmd.Dir = p.dir
	cores, err := measure.Cores()
	if err != nil {
		return nil, err
	}
	clients := *p
	clients.Name = "stock clients of " + p.Name
	proc, err := clients.launch(cmd, cores)
	if err != nil {
		return nil, err
	}
	const nicer = 10
	if err := unix.Setpriority(unix.PRIO_PROCESS, proc.PID(), nicer); err != nil {
		proc.Stop()
		return nil, fmt.Errorf("a lower priority of %s: %w", clients.Name, err)
	}
	return proc, nil
}

// BeginFlood lets the clients connect and emit.
func (p *Process) BeginFlood() error {
	_, err := io.WriteString(p.stdin, "go\n")
	return err
}

// NextReport returns what the clients have reported next; ok is false when that
// is nothing yet.
func (p *Process) NextReport() (r FloodReport, ok bool, err error) {
	select {
	case line := <-p.lines:
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return r, false, fmt.Errorf("%s: %w: %.100q", p.Peer.Name, err, line)
		}
		return r, true, nil
	default:
		return r, false, p.Ended()
	}
}
