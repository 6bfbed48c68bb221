package loop_test

import (
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

type noTask struct{ runs int }

func (n *noTask) Run(*loop.Loop) { n.runs++ }

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	lt := looptest.New(t)
	l := lt.Loop()
	conns := make([]*looptest.Conn, 10)
	for i := range conns {
		conns[i] = lt.Connect((&recorder{}).accept)
	}
	shared := frame("hello")
	task := &noTask{}
	b := &beat{l: l, every: time.Second}
	b.Init(b)
	sendAll := taskFunc(func() {
		for _, c := range conns {
			for range 3 {
				c.Conn().Send(shared.Retain())
			}
		}
	})
	forget := func() {
		for _, c := range conns {
			clear(c.Sent())
		}
	}
	for _, tc := range []struct {
		name string
		f    func()
		max  float64
	}{
		{"post of a pooled task", func() { l.Post(task); lt.Run() }, 0},
		{"arm and cancel", func() { l.Arm(&b.Timer, time.Minute); l.Cancel(&b.Timer) }, 0},
		{"frame", func() { f := loop.NewFrame(); f.B = append(f.B, "hello"...); f.Release() }, 0},
		// The peers' own buffers: one each.
		{"30 sends of a shared frame to 10 connections", func() { l.Post(sendAll); lt.Run(); forget() }, 10},
	} {
		tc.f()
		if n := testing.AllocsPerRun(200, tc.f); n > tc.max {
			t.Errorf("%s: %v allocations, want %v", tc.name, n, tc.max)
		}
	}
}

type taskFunc func()

func (f taskFunc) Run(*loop.Loop) { f() }
