//go:build linux

package run

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/scenario"
)

// floodTime is how long each event may take at most, on the average over a
// client, and floodExtra the rest.
const (
	floodTime  = 10 * time.Millisecond
	floodExtra = time.Minute
)

// flood has stock clients emit many events in one go to a slow handler, beside
// honest clients.
func (s *session) flood() error {
	p := s.profile
	honestly := *p // only the latency of the honest clients counts: one transport for all floods
	honestly.Transport = scenario.WebSocket
	s.profile = &honestly
	if err := s.connect(p.Clients); err != nil {
		return err
	}
	if err := s.rest(p.Settle.Std()); err != nil {
		return err
	}
	clients, err := s.servers.StartClients(peer.Flood{Transport: string(p.Transport), Clients: p.Flooders, Events: p.Events})
	if err != nil {
		return err
	}
	defer clients.Stop()
	f := &flood{session: s, honest: s.newHonest(), clients: clients, findings: Findings{Of: "the flood does harm"}}
	err = f.run()
	f.honest.write()
	return err
}

// flood is the run of one.
type flood struct {
	*session
	honest   *honest
	clients  *peer.Process
	findings Findings
	handled  int                // events
	ended    int                // clients
	wrong    []peer.FloodReport // of clients whose events were not handled as they should be
}

func (f *flood) run() error {
	f.progress("stock clients start", 0, 0)
	started := func(r peer.FloodReport) bool { return r.Ready }
	if err := f.await(apart, "the stock clients to start", time.Now().Add(stall), started); err != nil {
		return f.explain(err)
	}
	f.progress("without the flood", 0, 0)
	if err := f.honest.last(before, f.profile.Window.Std()); err != nil {
		return f.explain(err)
	}
	first, err := readSize(f.proc)
	if err != nil {
		return f.explain(err)
	}
	watch := newWatch(f.proc)
	err = f.emit()
	watch.end()
	peak := watch.peak()
	if err != nil {
		return f.explain(err)
	}
	f.record.Figures["rss_before_B"], f.record.Figures["rss_peak_B"] = float64(first.rss), float64(peak.rss)
	return f.judge(peak)
}

// emit is the flood itself.
func (f *flood) emit() error {
	window, err := measure.Begin(f.proc.PID())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f.clients.BeginFlood(); err != nil {
		return err
	}
	p := f.profile
	err = f.await(during, "the flood to be handled", began.Add(floodExtra+time.Duration(p.Events)*floodTime), func(r peer.FloodReport) bool {
		f.ended++
		f.handled += r.Handled
		if r.Reason != "" || r.Handled != p.Events || r.Disordered > 0 {
			f.wrong = append(f.wrong, r)
		}
		f.progress("stock clients done", f.ended, p.Flooders)
		return f.ended == p.Flooders
	})
	usage, ended := window.End()
	if err = errors.Join(err, ended); err != nil {
		return err
	}
	// What other processes use does not count here: the stock clients are among
	// them.
	figures := f.record.Figures
	figures["lasted_s"] = usage.Wall.Seconds()
	figures["rate_per_s"] = float64(f.handled) / usage.Wall.Seconds()
	figures["cpu_during_s"] = usage.Servers[0].Total.Seconds()
	figures["server_cores"] = usage.Servers[0].Total.Seconds() / usage.Wall.Seconds()
	return nil
}

// await pumps the honest clients until done returns true for a report of the
// stock clients.
func (f *flood) await(part, what string, deadline time.Time, done func(peer.FloodReport) bool) (err error) {
	pumped := f.honest.pump(part, func() bool {
		for {
			report, ok, failed := f.clients.NextReport()
			switch {
			case failed != nil:
				err = failed
				return true
			case !ok && time.Now().After(deadline):
				err = fmt.Errorf("%s did not come: %d of %d stock clients are done", what, f.ended, f.profile.Flooders)
				return true
			case !ok:
				return false
			case done(report):
				return true
			}
		}
	})
	return errors.Join(pumped, err)
}

// judge checks that nothing was lost.
func (f *flood) judge(peak size) error {
	unanswered, err := f.honest.finish()
	if err != nil {
		return err
	}
	if len(f.wrong) > 0 {
		r := f.wrong[0]
		f.findings.found(fmt.Errorf("%d of %d stock clients lost events, first client %d: %d of %d handled, %d out of order, %s",
			len(f.wrong), f.profile.Flooders, r.Client, r.Handled, f.profile.Events, r.Disordered, cmp.Or(r.Reason, "still connected")))
	}
	if unanswered > 0 {
		f.findings.found(fmt.Errorf("%d requests of the other clients were not answered within %s", unanswered, lateness))
	}
	if h := f.honest; h.lost > 0 {
		f.findings.found(fmt.Errorf("%d of %d other clients were disconnected, first %w", h.lost, len(h.gone), h.firstWhy))
	}
	if held := peak.rss / megabytes; f.profile.PeakMB > 0 && held > int64(f.profile.PeakMB) {
		f.findings.found(fmt.Errorf("the server held %d MB, more than %d", held, f.profile.PeakMB))
	}
	return f.findings.err()
}
