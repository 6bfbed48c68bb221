package workload

import "testing"

// TestGauge: jobs and bytes don't touch each other, up to the largest limits,
// and Take takes all or nothing.
func TestGauge(t *testing.T) {
	var g Gauge
	most := Load(MaxJobs)<<byteBits | MaxBytes // Of takes ints, which may have 32 bits
	if most.Jobs() != MaxJobs || most.Bytes() != MaxBytes {
		t.Errorf("%d jobs, %d bytes", most.Jobs(), most.Bytes())
	}
	g.Add(most)
	if l := g.Add(Of(1, 1)); l.Jobs() != MaxJobs+1 || l.Bytes() != MaxBytes+1 {
		t.Errorf("%d jobs, %d bytes", l.Jobs(), l.Bytes())
	}
	g.Sub(most)
	for _, more := range []Load{Of(2, 0), Of(0, 2), Of(2, 1), Of(1, 2)} {
		if left, ok := g.Take(more); ok || left != Of(1, 1) {
			t.Errorf("took %d jobs and %d bytes, %d and %d are left", more.Jobs(), more.Bytes(), left.Jobs(), left.Bytes())
		}
	}
	if left, ok := g.Take(Of(1, 0)); !ok || left != Of(0, 1) {
		t.Errorf("%d jobs and %d bytes are left", left.Jobs(), left.Bytes())
	}
	if all := g.Clear(); all != Of(0, 1) || g.Load() != 0 {
		t.Errorf("cleared %d jobs and %d bytes", all.Jobs(), all.Bytes())
	}
}

// TestLimits: a limit is reached by either number, and passed by more than it.
func TestLimits(t *testing.T) {
	m := Limits{Jobs: 10, Bytes: 100}
	for _, c := range []struct {
		load            Load
		reached, passed bool
	}{
		{Of(9, 99), false, false}, {Of(10, 0), true, false}, {Of(0, 100), true, false}, {Of(11, 0), true, true}, {Of(0, 101), true, true},
	} {
		if m.Reached(c.load) != c.reached || m.Passed(c.load) != c.passed {
			t.Errorf("%d jobs and %d bytes: reached %v, passed %v", c.load.Jobs(), c.load.Bytes(), m.Reached(c.load), m.Passed(c.load))
		}
	}
	if got := m.Of(20); got != (Limits{Jobs: 1, Bytes: 5}) {
		t.Errorf("a part is %+v", got)
	}
}
