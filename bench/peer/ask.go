//go:build linux

package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// askTimeout is how long a server may take to answer a question.
const askTimeout = 10 * time.Second

// Heap is a server's report about its own heap, in bytes.
type Heap struct {
	Used int64 `json:"heap_used"` // objects that are reachable or not collected yet
}

// ErrNoFigures says that the server does not know its heap, or does not count
// what Stats has.
var ErrNoFigures = errors.New("the server offers no such figures")

// AskHeap asks the server for its heap, after a full garbage collection when
// collect is set.
func (p *Process) AskHeap(collect bool) (h Heap, err error) {
	if !p.Peer.Figures {
		return h, ErrNoFigures
	}
	question := "heap"
	if collect {
		question = "live"
	}
	return h, p.ask(question, "heap_used", &h)
}

// Stats is a server's report about itself.
type Stats struct {
	Goroutines int
	// Counters has the number of each counter. The name of one that is part of
	// another is joined to it with a dot.
	Counters map[string]float64
}

// AskStats asks the server for its counters.
func (p *Process) AskStats() (s Stats, err error) {
	if !p.Peer.Stats {
		return s, ErrNoFigures
	}
	var answer struct {
		Goroutines int            `json:"goroutines"`
		Stats      map[string]any `json:"stats"`
	}
	if err := p.ask("stats", "goroutines", &answer); err != nil {
		return s, err
	}
	s = Stats{answer.Goroutines, map[string]float64{}}
	s.flatten("", answer.Stats)
	return s, nil
}

func (s *Stats) flatten(prefix string, from map[string]any) {
	for name, value := range from {
		switch v := value.(type) {
		case float64:
			s.Counters[prefix+name] = v
		case map[string]any:
			s.flatten(prefix+name+".", v)
		}
	}
}

// Exhaust makes the server's process open files until it can open no more, and
// keep them for the time. It returns once they are open.
func (p *Process) Exhaust(d time.Duration) error {
	var answer struct {
		Opened int `json:"opened"`
	}
	err := p.ask(fmt.Sprintf("exhaust %d", d.Milliseconds()), "opened", &answer)
	if err == nil && answer.Opened == 0 {
		return fmt.Errorf("%s could open no file", p.Peer.Name)
	}
	return err
}

// AskSecure asks the server for the host:port at which it serves with TLS.
func (p *Process) AskSecure() (addr string, err error) {
	var answer struct {
		Secure string `json:"secure"`
	}
	err = p.ask("secure", "secure", &answer)
	return answer.Secure, err
}

// SetNodes makes the host:ports the nodes 2, 3, … of the server's cluster.
func (p *Process) SetNodes(addrs ...string) error {
	var answer struct {
		Nodes int `json:"nodes"`
	}
	err := p.ask("nodes "+strings.Join(addrs, " "), "nodes", &answer)
	if err == nil && answer.Nodes != len(addrs) {
		return fmt.Errorf("%s has taken %d of %d nodes", p.Peer.Name, answer.Nodes, len(addrs))
	}
	return err
}

// AskControl asks the server for the host:port of its control: see
// bench/peers/README.md.
func (p *Process) AskControl() (addr string, err error) {
	var answer struct {
		Control string `json:"control"`
	}
	err = p.ask("control", "control", &answer)
	return answer.Control, err
}

// ask puts one question and decodes the answer, the next line that is a JSON
// object with the member first.
func (p *Process) ask(question, first string, answer any) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	if _, err := io.WriteString(p.stdin, question+"\n"); err != nil {
		return err
	}
	timeout := time.After(askTimeout)
	for {
		select {
		case line := <-p.lines:
			// The answer to an earlier question may come late.
			if strings.HasPrefix(line, `{"`+first+`"`) {
				return json.Unmarshal([]byte(line), answer)
			}
		case <-p.exited:
			return p.Ended()
		case <-timeout:
			return fmt.Errorf("%s did not answer %q within %s", p.Peer.Name, question, askTimeout)
		}
	}
}
