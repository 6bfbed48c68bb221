//go:build linux

package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sioserver/sioserver/bench/peer"
)

// Case is one case.
type Case struct {
	Name string
	// Needs are the settings that the case has, of those in Settings.
	Needs []string
	nodes int                     // servers
	args  func(Settings) []string // added to the servers' command line
	try   func(*trial) error
}

// Settings are those of a profile, as profiles/README.md has them.
type Settings struct {
	Speed   float64 // of each server's line in each direction, megabytes a second; 0 is no limit
	Sender  float64 // of the first server's line, if it is not as the others
	Pace    float64 // at which what is large is emitted; 0 is at once
	Events  int
	Bytes   int // of each event, or of each client's data
	Auth    int // bytes of each client's authentication data
	Clients int
	Rooms   int
	Missed  int
	MaxLen  int
	Stop    time.Duration // of a server's process
	Pause   time.Duration // of a server's line
	Short   time.Duration // of another server's line
	Within  time.Duration // of the whole case
}

// Outcome is the result of a case.
type Outcome struct {
	Shown   string             // in a table, a few words and figures
	Figures map[string]float64 // the unit is the end of the name
	Moved   map[string]float64 // counters of losses, of all servers together
	Wrong   []error            // what is wrong
}

func (o *Outcome) wrong(format string, args ...any) {
	o.Wrong = append(o.Wrong, fmt.Errorf(format, args...))
}

var cases = []Case{messages, fetch, pauses, channels, recovery, burst, acks}

// Names are the names of all cases.
func Names() (names []string) {
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return names
}

// Find returns the case with the name.
func Find(name string) (Case, error) {
	i := slices.IndexFunc(cases, func(c Case) bool { return c.Name == name })
	if i < 0 {
		return Case{}, fmt.Errorf("there is no case %q", name)
	}
	return cases[i], nil
}

// trial is one case that runs.
type trial struct {
	Settings
	Outcome
	*cluster
	progress func(what string)
}

// Try starts a cluster of the server and runs the case with it. With an error
// the outcome has what was found until then.
func (c Case) Try(ctx context.Context, p *peer.Peer, cores []int, s Settings, progress func(what string)) (Outcome, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Within, fmt.Errorf("not over within %s", s.Within))
	defer cancel()
	t := &trial{Settings: s, Outcome: Outcome{Figures: map[string]float64{}}, progress: progress}
	var args []string
	if c.args != nil {
		args = c.args(s)
	}
	progress("the servers start")
	var err error
	t.cluster, err = startCluster(ctx, p, cores, c.nodes, args)
	defer t.stop()
	if err == nil {
		err = t.meet()
	}
	if err == nil {
		err = t.count()
	}
	if err == nil {
		sender := s.Speed
		if s.Sender > 0 {
			sender = s.Sender
		}
		t.setSpeed(sender, s.Speed)
		progress("trying")
		err = c.try(t)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	t.conclude()
	t.Figures["lasted_s"] = time.Since(began).Seconds()
	return t.Outcome, err
}
