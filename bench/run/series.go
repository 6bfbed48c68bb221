//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

// Series measures servers with profiles.
type Series struct {
	Cores result.Cores
	Peers map[string]*peer.Peer
	// Names of the servers to measure, in the order of the report; empty takes
	// each profile's own list.
	Names []string
	// Runs replaces the profiles' number of runs when it is not zero.
	Runs int
	// Attempts is how often a run is made when other work on the machine
	// disturbs it; the last one counts.
	Attempts int
	// Strict makes it an error to leave something out.
	Strict bool
	// Record takes every record as soon as there is one.
	Record func(result.Record) error
	// Progress is called with what goes on; run names the run.
	Progress func(run, what string, done, total int)

	unusable map[string]error
}

// Do runs one profile: in every round each server in turn, fresh processes each
// time. A cluster scenario is left out when there is no Redis. A failed run is
// recorded and the others go on; the error is then ErrFailed. An interrupt ends
// the series with Interrupted.
func (s *Series) Do(ctx context.Context, p *scenario.Profile) error {
	if p.Kind == scenario.Cluster || p.Kind == scenario.Link {
		if err := peer.FindRedis(); err != nil {
			return s.leaveOut(result.Record{Profile: p.Name, Title: p.Title, Kind: string(p.Kind)}, err)
		}
	}
	peers, err := s.usable(p)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(p, peers)
	if err != nil {
		return err
	}
	runs := p.Runs
	if s.Runs > 0 {
		runs = s.Runs
	}
	failed := false
	for number := 1; number <= runs; number++ {
		for i := range jobs {
			// Every other round has the reverse order, so that no server always
			// runs after the same one.
			j := jobs[i]
			if number%2 == 0 {
				j = jobs[len(jobs)-1-i]
			}
			ok, err := s.one(ctx, j.profile, j.peer, number)
			if err != nil {
				return err
			}
			failed = failed || !ok
		}
	}
	if failed {
		return ErrFailed
	}
	return nil
}

// job is what one server is measured with.
type job struct {
	profile *scenario.Profile
	peer    *peer.Peer
}

// jobsOf combines the profile with each server. Each attack of a profile is a
// job of its own, for the servers that offer what it needs.
func jobsOf(p *scenario.Profile, peers []*peer.Peer) (jobs []job, err error) {
	if p.Kind == scenario.Soak {
		for _, pr := range peers {
			if with, ok := pr.With(soakFeature); ok {
				jobs = append(jobs, job{p, with})
			}
		}
		if len(jobs) == 0 {
			return nil, fmt.Errorf("profile %s: no server offers what a soak needs", p.Name)
		}
		return jobs, nil
	}
	if p.Kind != scenario.Attack {
		for _, pr := range peers {
			jobs = append(jobs, job{p, pr})
		}
		return jobs, nil
	}
	for _, name := range p.Attacks {
		a, err := attack.Find(name)
		if err != nil {
			return nil, err
		}
		one := *p
		one.Attacks = []string{name}
		for _, pr := range peers {
			if with, ok := pr.With(a.Needs); ok && pr.Cluster == (a.Needs == attack.Cluster) {
				jobs = append(jobs, job{&one, with})
			}
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("profile %s: no server offers what the attacks need", p.Name)
	}
	return jobs, nil
}

// soakFeature is what a server must offer for soaks.
const soakFeature = "soak"

// ErrFailed says that a run failed; its record says why.
var ErrFailed = errors.New("a run failed")

// one measures one server once, and repeats that while the machine is
// disturbed.
func (s *Series) one(ctx context.Context, p *scenario.Profile, pr *peer.Peer, number int) (ok bool, err error) {
	name := fmt.Sprintf("%s  %s  run %d", p.Name, pr.Name, number)
	attacked := ""
	if p.Kind == scenario.Attack {
		attacked = p.Attacks[0]
		name = fmt.Sprintf("%s %s  %s  run %d", p.Name, attacked, pr.Name, number)
	}
	for attempt := 1; ; attempt++ {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		progress := func(what string, done, total int) { s.Progress(name, what, done, total) }
		if p.Kind == scenario.Link {
			record, err := tryLink(ctx, p, pr, s.Cores, progress)
			record.Run, record.Attempt = number, attempt
			return s.conclude(ctx, record, err)
		}
		servers, err := pr.Start(s.Cores.Server)
		if err != nil {
			s.unusable[pr.Name] = err
			return false, s.Record(result.Record{Type: result.Run, Profile: p.Name, Title: p.Title, Kind: string(p.Kind),
				Peer: pr.Name, Label: pr.Label, Run: number, Attack: attacked, Error: err.Error()})
		}
		record, err := Run(ctx, p, servers, progress)
		servers.Stop()
		record.Run, record.Attempt = number, attempt
		if err != nil {
			return s.conclude(ctx, record, err)
		}
		if record.Disturbed && attempt < s.Attempts {
			s.Progress(name, "disturbed by other work on the machine, again", attempt, s.Attempts)
			continue
		}
		return true, s.Record(record)
	}
}

// usable picks the servers for a profile. Those that cannot be made ready or
// started are recorded once and left out, and so are, for a flood, those
// without stock clients: there may be no Node.
func (s *Series) usable(p *scenario.Profile) (peers []*peer.Peer, err error) {
	if s.unusable == nil {
		s.unusable = map[string]error{}
	}
	leftOut := false
	names := s.Names
	if len(names) == 0 {
		names = p.Peers
	}
	for _, name := range names {
		pr, found := s.Peers[name]
		if !found {
			return nil, fmt.Errorf("profile %s: there is no peer %q", p.Name, name)
		}
		if !pr.Offers(string(p.Kind), string(p.Transport)) {
			continue
		}
		if _, tried := s.unusable[name]; !tried {
			s.Progress(name, "getting ready", 0, 0)
			s.unusable[name] = s.try(pr)
			if err := s.unusable[name]; err != nil {
				if err := s.leaveOut(result.Record{Peer: name, Label: pr.Label}, err); err != nil {
					return nil, err
				}
			}
		}
		if s.unusable[name] != nil {
			continue
		}
		if p.Kind == scenario.Flood {
			if err := pr.ReadyClients(); err != nil {
				if err := s.leaveOut(result.Record{Profile: p.Name, Title: p.Title, Kind: string(p.Kind), Peer: name, Label: pr.Label}, err); err != nil {
					return nil, err
				}
				leftOut = true
				continue
			}
		}
		peers = append(peers, pr)
	}
	if len(peers) == 0 && !leftOut {
		return nil, fmt.Errorf("profile %s: no server to measure", p.Name)
	}
	return peers, nil
}

// conclude records a run that is not made again. err is what was wrong with it.
func (s *Series) conclude(ctx context.Context, record result.Record, err error) (ok bool, _ error) {
	if err != nil {
		record.Error = err.Error()
	}
	if wrote := s.Record(record); wrote != nil {
		return false, wrote
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return err == nil, nil
}

// leaveOut records what is left out and why.
func (s *Series) leaveOut(what result.Record, why error) error {
	what.Type, what.Error = result.Skip, why.Error()
	if err := s.Record(what); err != nil {
		return err
	}
	if s.Strict {
		return fmt.Errorf("nothing may be left out: %w", why)
	}
	return nil
}

// try starts a server once, to learn whether it can be.
func (s *Series) try(pr *peer.Peer) error {
	if err := pr.Ready(); err != nil {
		return err
	}
	servers, err := pr.Start(s.Cores.Server)
	if err != nil {
		return err
	}
	servers.Stop()
	return nil
}
