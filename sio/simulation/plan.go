package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// stepKind is what a step does.
type stepKind int

const (
	stepConnect stepKind = iota
	stepEmit
	stepInline
	stepJoin
	stepLeave
	stepGo
	stepCut
	stepStall
	stepSilent
	stepApp
	stepKill
	stepPart
	stepKinds
)

var stepNames = [stepKinds]string{"connect", "emit", "emit inline", "join", "leave", "go", "cut", "stall", "silent", "application", "kill", "part"}

var stepWeights = [stepKinds]int{30, 60, 20, 4, 2, 6, 6, 4, 2, 25, 1, 2}

// step is one thing that happens. Whether it has an effect depends on what has
// happened before: a client that is not connected emits nothing.
type step struct {
	at        time.Duration
	kind      stepKind
	client    int
	node      int
	version   int
	transport transport
	nsps      []string
	deny      bool
	how       cut
	polite    bool
	lasts     time.Duration
	op        *op
	repeat    int // how often the event is sent
}

func (s step) String() string {
	text := fmt.Sprintf("%8.3fs  client %d  %s", s.at.Seconds(), s.client, stepNames[s.kind])
	switch s.kind {
	case stepConnect:
		text += fmt.Sprintf(" to node %d, version %d, %s, namespaces %v, deny %v", s.node, s.version,
			[]string{"WebSocket", "polling", "polling and upgrade"}[s.transport], s.nsps, s.deny)
	case stepEmit, stepInline:
		text += fmt.Sprintf(" ×%d in %s: %v", s.repeat, s.nsps[0], s.op)
	case stepJoin, stepLeave:
		text += " " + s.nsps[0]
	case stepGo, stepCut:
		text += fmt.Sprintf(" %s, polite %v", []string{"-", "end", "reset", "vanish"}[s.how], s.polite)
	case stepStall, stepSilent:
		text += fmt.Sprintf(" for %v", s.lasts)
	case stepApp:
		text = fmt.Sprintf("%8.3fs  node %d    %v", s.at.Seconds(), s.node, s.op)
	case stepKill, stepPart:
		text = fmt.Sprintf("%8.3fs  node %d    %s for %v", s.at.Seconds(), s.node, stepNames[s.kind], s.lasts)
	}
	return text
}

func planRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// plan draws the steps of a run.
func plan(r *rand.Rand, opt Options) []step {
	total := 0
	for _, w := range stepWeights {
		total += w
	}
	steps := make([]step, opt.Steps)
	at := time.Duration(0)
	for i := range steps {
		at += time.Duration(r.Int64N(int64(opt.Pace)))
		pick, k := r.IntN(total), stepKind(0)
		for pick >= stepWeights[k] {
			pick -= stepWeights[k]
			k++
		}
		s := step{
			at: at, kind: k, client: r.IntN(opt.Clients), node: r.IntN(opt.Nodes), version: 4, transport: transport(r.IntN(3)),
			how: 1 + cut(r.IntN(3)), polite: r.IntN(3) == 0, lasts: time.Duration(r.Int64N(int64(40 * time.Second))), deny: r.IntN(20) == 0,
		}
		if s.repeat = 1; r.IntN(8) == 0 {
			s.repeat += r.IntN(12)
		}
		if opt.Version3 && s.client%3 == 0 {
			s.version = 3
		}
		if opt.WebSocketOnly {
			s.transport = webSocket
		}
		s.nsps = []string{namespaces[r.IntN(len(namespaces))]}
		if r.IntN(2) == 0 {
			s.nsps[0] = "/"
		}
		if k == stepConnect {
			s.nsps = []string{"/"}
			for _, nsp := range namespaces[1:] {
				if r.IntN(3) == 0 {
					s.nsps = append(s.nsps, nsp)
				}
			}
		}
		switch k {
		case stepEmit:
			s.op = newOp(r, 0)
		case stepInline:
			s.op = newOp(r, 1)
		case stepApp:
			s.op = newOp(r, 2)
		}
		steps[i] = s
	}
	return steps
}
