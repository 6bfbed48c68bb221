//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
)

// The parts of an attack's or a flood's run, as figures are named.
const (
	before = "before"
	during = "during"
	after  = "after"
	apart  = "" // not measured
)

const megabytes = 1_000_000

// attack has honest clients echo before, during and after the profile's one
// attack, and judges what happens to them and to the server.
func (s *session) attack() error {
	a, err := attack.Find(s.profile.Attacks[0])
	if err != nil {
		return err
	}
	s.record.Attack = a.Name
	if err := s.connect(s.profile.Clients); err != nil {
		return err
	}
	if err := s.rest(s.profile.Settle.Std()); err != nil {
		return err
	}
	r := &rangeRun{session: s, attacked: a, honest: s.newHonest(), findings: Findings{Of: "the attack succeeds"}}
	err = r.all()
	if r.watch != nil {
		r.watch.end()
	}
	r.honest.write()
	return errors.Join(r.findings.err(), err)
}

// rangeRun is the run of one attack.
type rangeRun struct {
	*session
	attacked attack.Attack
	honest   *honest
	findings Findings
	first    size
	watch    *watch          // from the begin of the attack on
	idle     map[string]bool // counters that do not move without the attack
	counters map[string]float64
}

func (r *rangeRun) all() error {
	for _, part := range []func() error{r.before, r.during, r.after} {
		if err := part(); err != nil {
			return err
		}
	}
	peak := r.watch.peak()
	r.write("peak", peak)
	if held := peak.rss / megabytes; held > int64(r.profile.PeakMB) {
		r.findings.found(fmt.Errorf("the server held %d MB, more than %d", held, r.profile.PeakMB))
	}
	unanswered, err := r.honest.finish()
	r.record.Figures["unanswered"] = float64(unanswered)
	if unanswered > 0 {
		r.findings.found(fmt.Errorf("%d requests of clients that are connected were not answered within %s", unanswered, lateness))
	}
	if h := r.honest; h.lost > 0 {
		r.findings.found(fmt.Errorf("%d of %d honest clients were disconnected, first %w", h.lost, len(h.gone), h.firstWhy))
	}
	return err
}

// size measures the server while the clients go on, and records it. A server
// that does not answer is a finding.
func (r *rangeRun) size(part string) (now size, stats peer.Stats, err error) {
	if now, err = readSize(r.proc); err != nil {
		return now, stats, r.explain(err)
	}
	var unanswered error
	err = r.honest.aside(part, func() error {
		stats, unanswered = r.proc.AskStats()
		return nil
	})
	if err != nil {
		return now, stats, err
	}
	if !errors.Is(unanswered, peer.ErrNoFigures) {
		r.findings.found(unanswered)
	}
	now.goroutines = stats.Goroutines
	r.write(part, now)
	return now, stats, nil
}

func (r *rangeRun) write(part string, s size) {
	r.record.Figures["rss_"+part+"_B"] = float64(s.rss)
	r.record.Figures["files_"+part] = float64(s.files)
	if s.goroutines > 0 {
		r.record.Figures["goroutines_"+part] = float64(s.goroutines)
	}
}

// collect has the server collect its garbage, if it can be asked to, and
// records what is left of its heap.
func (r *rangeRun) collect(part string) error {
	var heap peer.Heap
	var unanswered error
	err := r.honest.aside(part, func() error {
		heap, unanswered = r.proc.AskHeap(true)
		return nil
	})
	if err != nil || errors.Is(unanswered, peer.ErrNoFigures) {
		return err
	}
	r.findings.found(unanswered)
	r.record.Figures["heap_"+part+"_B"] = float64(heap.Used)
	return nil
}

// before measures the clients and the server without the attack.
func (r *rangeRun) before() error {
	r.progress("before the attack", 0, 0)
	_, began, err := r.size(before)
	if err != nil {
		return err
	}
	if err := r.collect(before); err != nil {
		return err
	}
	if err := r.honest.last(before, r.profile.Window.Std()); err != nil {
		return err
	}
	var stats peer.Stats
	if r.first, stats, err = r.size(before); err != nil {
		return err
	}
	r.counters, r.idle = stats.Counters, map[string]bool{}
	for name, value := range stats.Counters {
		r.idle[name] = value == began.Counters[name]
	}
	return nil
}

// target is what the attack needs to know of the server.
func (r *rangeRun) target() (t attack.Target, err error) {
	t = attack.Target{Addr: r.proc.Addr.String(), Exhaust: r.proc.Exhaust, SetNodes: r.proc.SetNodes}
	if r.servers.Redis != nil {
		t.Redis = r.servers.Redis.Addr.String()
	}
	if r.attacked.Needs == attack.Secure {
		t.Secure, err = r.proc.AskSecure()
	}
	return t, err
}

// during makes the attack. It is cut short when the server's memory passes its
// bound, so that the machine survives.
func (r *rangeRun) during() error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	target, err := r.target()
	if err != nil {
		return r.explain(err)
	}
	r.watch = newWatch(r.proc)
	window, err := measure.Begin(r.proc.PID())
	if err != nil {
		return r.explain(err)
	}
	field := attack.Begin(ctx, r.profile.Duration.Std(), r.attacked, target)
	began := time.Now()
	bound := int64(r.profile.PeakMB) * megabytes
	err = r.honest.pump(during, func() bool {
		r.progress("under attack", int(time.Since(began).Milliseconds()), int(r.profile.Duration.Std().Milliseconds()))
		if r.watch.peak().rss > bound {
			cancel()
		}
		select {
		case <-field.Done():
			return true
		default:
			return false
		}
	})
	cancel()
	outcome := field.Outcome()
	usage, usageErr := window.End()
	files, filesErr := measure.OpenFiles(r.proc.PID())
	field.Leave()
	if err = errors.Join(err, usageErr, filesErr); err != nil {
		return r.explain(err)
	}
	r.record.Seen = outcome.Counts
	r.record.Figures["lasted_s"] = outcome.Lasted.Seconds()
	r.record.Figures["cpu_during_s"] = usage.Servers[0].Total.Seconds()
	r.record.Figures["files_end"] = float64(files)
	outcome.Held = files - r.first.files
	r.findings.found(r.attacked.Judge(outcome))
	return nil
}

// after checks that the server still serves, and waits until its memory is
// back.
func (r *rangeRun) after() error {
	began := time.Now()
	end, earliest := began.Add(r.profile.After.Std()), began.Add(r.profile.Window.Std())
	wrong, err := r.honest.alive(after)
	if err != nil {
		return r.explain(err)
	}
	r.findings.found(wrong)
	bound := r.first.rss + int64(r.profile.AfterMB)*megabytes
	var next time.Time
	var failed error
	err = r.honest.pump(after, func() bool {
		now := time.Now()
		left := end.Sub(now)
		r.progress("after the attack", int((r.profile.After.Std() - left).Milliseconds()), int(r.profile.After.Std().Milliseconds()))
		if !r.profile.Early || left <= 0 || now.Before(next) || now.Before(earliest) {
			return left <= 0
		}
		next = now.Add(watchMemory)
		var rss int64
		rss, failed = measure.ReadRSS(r.proc.PID())
		return failed != nil || rss <= bound
	})
	if err = errors.Join(err, failed); err != nil {
		return r.explain(err)
	}
	last, stats, err := r.size(after)
	if err != nil {
		return err
	}
	if err := r.collect(after); err != nil {
		return err
	}
	// Before that, the server may not have had a reason to collect its garbage.
	left, err := measure.ReadRSS(r.proc.PID())
	if err != nil {
		return r.explain(err)
	}
	r.record.Figures["rss_collected_B"] = float64(left)
	if left = min(left, last.rss); r.profile.AfterMB > 0 && left > bound {
		r.findings.found(fmt.Errorf("%s after the attack the server holds %d MB more than before it, not at most %d",
			r.profile.After.Std(), (left-r.first.rss)/megabytes, r.profile.AfterMB))
	}
	r.record.Moved = map[string]float64{}
	for name, value := range stats.Counters {
		if by := value - r.counters[name]; by != 0 && r.idle[name] {
			r.record.Moved[name] = by
		}
	}
	return nil
}
