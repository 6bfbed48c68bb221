package loop_test

import (
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/loop/looptest"
)

type noTask struct{ runs int }

func (n *noTask) Run(*loop.Loop) { n.runs++ }

func TestAllocs(t *testing.T) {
	if loop.RaceEnabled || invariants.Enabled {
		t.Skip("the race detector and the checks allocate")
	}
	lt := looptest.New(t)
	l := lt.Loop()
	task := &noTask{}
	b := &beat{l: l, every: time.Second}
	b.Init(b)
	for _, tc := range []struct {
		name string
		f    func()
	}{
		{"post of a pooled task", func() { l.Post(task); lt.Run() }},
		{"arm and cancel", func() { l.Arm(&b.Timer, time.Minute); l.Cancel(&b.Timer) }},
		{"frame", func() { f := loop.NewFrame(); f.B = append(f.B, "hello"...); f.Release() }},
	} {
		tc.f()
		if n := testing.AllocsPerRun(200, tc.f); n != 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
	}
}

type taskFunc func()

func (f taskFunc) Run(*loop.Loop) { f() }
