package redisadapter

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// directory makes one that ends with the test.
func directory(t *testing.T, r *redistest.Server, addr string, life time.Duration, numbers ...uint32) *Directory {
	t.Helper()
	choose := randomNode
	if len(numbers) > 0 {
		choose = func() uint32 {
			n := numbers[0]
			numbers = numbers[1:]
			return n
		}
	}
	d, err := newDirectory(r.Client, DirectoryConfig{Addr: addr, Life: life, Logger: slog.New(slog.DiscardHandler)}, choose)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // Redis may be away
	return d
}

func lookup(t *testing.T, d *Directory, node uint32) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	addr, _ := d.Lookup(ctx, node)
	if ctx.Err() != nil {
		t.Fatal("the lookup does not end")
	}
	return addr
}

func awaitDirectory(t *testing.T, d *Directory, cond func(DirectoryStats) bool) {
	t.Helper()
	wait.Until(t, "the directory's counters are right", func() bool { return cond(d.Stats()) })
}

func TestDirectory(t *testing.T) {
	r := redistest.Start(t)
	a := directory(t, r, "a:1", time.Hour) // asks only when it must
	b := directory(t, r, "b:1", time.Hour)
	if addr := lookup(t, b, a.Node()); addr != "a:1" {
		t.Errorf("b finds a at %q", addr)
	}
	before := a.Stats().Requests
	if addr := lookup(t, a, b.Node()); addr != "b:1" {
		t.Errorf("a finds b, which came later, at %q", addr)
	}
	for range 10 {
		lookup(t, a, b.Node())
	}
	if s := a.Stats(); s.Requests != before+1 || s.Nodes != 1 || !s.Connected {
		t.Errorf("%+v", s)
	}
	if addr := lookup(t, a, b.Node()^1); addr != "" {
		t.Errorf("nobody is at %q", addr)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if addr := lookup(t, directory(t, r, "c:1", time.Hour), b.Node()); addr != "" {
		t.Errorf("b, which has left, is at %q", addr)
	}
	if n := r.Client.HLen(t.Context(), "sioserver:nodes").Val(); n != 2 {
		t.Errorf("%d nodes are listed", n)
	}
}

// TestDirectoryOfMadeUpNumbers has many lookups of unknown nodes, and wants few
// requests.
func TestDirectoryOfMadeUpNumbers(t *testing.T) {
	r := redistest.Start(t)
	d := directory(t, r, "a:1", time.Hour, 1)
	began := time.Now()
	var all sync.WaitGroup
	for i := range 2000 {
		all.Go(func() {
			if addr, ok := d.Lookup(t.Context(), uint32(1000+i)); ok {
				t.Errorf("%d is at %q", i, addr)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if n := d.Stats().Requests; n > 3+uint64(took/listingPause) {
		t.Errorf("%d requests within %v", n, took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := d.Lookup(ctx, 7); ok {
		t.Error("nobody is there")
	}
}

func TestDirectoryForgetsTheDead(t *testing.T) {
	r := redistest.Start(t)
	a := directory(t, r, "a:1", 100*time.Millisecond)
	b := directory(t, r, "b:1", 100*time.Millisecond)
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Nodes == 1 })
	b.stop() // it is killed: nothing takes it off the list
	<-b.ended
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Nodes == 0 })
}

func TestDirectoryWithoutRedis(t *testing.T) {
	r := redistest.Start(t)
	a := directory(t, r, "a:1", 300*time.Millisecond)
	b := directory(t, r, "b:1", 300*time.Millisecond)
	lookup(t, a, b.Node())
	r.Kill()
	awaitDirectory(t, a, func(s DirectoryStats) bool { return !s.Connected && s.Failures > 1 })
	if addr := lookup(t, a, b.Node()); addr != "b:1" {
		t.Errorf("b, which was known, is at %q", addr)
	}
	if addr := lookup(t, a, b.Node()^1); addr != "" {
		t.Errorf("nobody is at %q", addr)
	}
	c := directory(t, r, "c:1", 300*time.Millisecond) // starts without Redis
	if c.Stats().Connected {
		t.Error("c is connected")
	}
	r.Start() // it has forgotten everything
	awaitDirectory(t, c, func(s DirectoryStats) bool { return s.Connected && s.Nodes == 2 })
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Connected && s.Nodes == 2 })
	r.Pause()
	awaitDirectory(t, a, func(s DirectoryStats) bool { return !s.Connected })
	r.Resume()
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Connected && s.Nodes == 2 })
}

func TestDirectoryNumbersDiffer(t *testing.T) {
	r := redistest.Start(t)
	a := directory(t, r, "a:1", time.Hour, 5)
	b := directory(t, r, "b:1", time.Hour, 5, 5, 6)
	if a.Node() != 5 || b.Node() != 6 || b.Stats().Taken != 2 {
		t.Errorf("nodes %d and %d, %+v", a.Node(), b.Node(), b.Stats())
	}
	if addr := lookup(t, b, 5); addr != "a:1" {
		t.Errorf("5 is at %q", addr)
	}
}

// TestDirectoryOfNonsense has entries of others in the hash.
// TestDirectoryTellsOfATwin has two nodes say that they are at the same
// address.
func TestDirectoryTellsOfATwin(t *testing.T) {
	r := redistest.Start(t)
	log := new(logged)
	open := func(addr string) *Directory {
		d, err := NewDirectory(r.Client, DirectoryConfig{Addr: addr, Life: 200 * time.Millisecond, Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
	told := func() int { return log.count("the address of this one") }
	killed := open("a:1") // listed still, but does not say so again
	killed.stop()
	<-killed.ended
	a := open("a:1")
	open("b:1")
	before := a.Stats().Requests
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Requests > before+8 && s.Nodes == 1 })
	if n := told(); n != 0 {
		t.Errorf("told %d times", n)
	}
	twin := open("a:1")
	await := func(n int) {
		t.Helper()
		wait.Until(t, fmt.Sprint(n, " warnings are logged"), func() bool { return told() == n })
	}
	await(2) // each of the two
	before = a.Stats().Requests
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Requests > before+3 })
	await(2)
	if err := twin.Close(); err != nil {
		t.Fatal(err)
	}
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Nodes == 1 })
	open("a:1")
	await(4)
}

func TestDirectoryOfNonsense(t *testing.T) {
	r := redistest.Start(t)
	alive := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli(), " t ")
	for field, value := range map[string]string{
		"1": "", "2": "x", "x": alive + "x:1", "16777216": alive + "x:1", "-1": alive + "x:1",
		"3": alive, "4": "1 t old:1", "5": alive + "five:1",
	} {
		if err := r.Client.HSet(t.Context(), "sioserver:nodes", field, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	d := directory(t, r, "a:1", time.Hour, 6)
	if s := d.Stats(); s.Nodes != 1 || lookup(t, d, 5) != "five:1" {
		t.Errorf("%+v", s)
	}
	r.Client.Del(t.Context(), "sioserver:nodes")
	r.Client.Set(t.Context(), "sioserver:nodes", "no hash", 0)
	if lookup(t, d, 7) != "" || d.Stats().Connected {
		t.Errorf("%+v", d.Stats())
	}
}

func TestDirectoryRefusesConfig(t *testing.T) {
	for want, cfg := range map[string]DirectoryConfig{
		`redisadapter: DirectoryConfig.Addr is ""`:        {},
		`redisadapter: DirectoryConfig.Addr is ":3000"`:   {Addr: ":3000"},
		`redisadapter: DirectoryConfig.Addr is "a"`:       {Addr: "a"},
		`redisadapter: DirectoryConfig.Addr is "a:"`:      {Addr: "a:"},
		`redisadapter: DirectoryConfig.Addr is "a b:1"`:   {Addr: "a b:1"},
		"redisadapter: DirectoryConfig.Life is 1ms; it m": {Addr: "a:1", Life: time.Millisecond},
	} {
		if _, err := NewDirectory(nil, cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestDirectoryOfAnySize has entries in the list that no node has written, one
// of 50 MB, and many of nodes that are gone: the nodes find each other, and
// what is none is removed.
func TestDirectoryOfAnySize(t *testing.T) {
	r := redistest.Start(t)
	ctx := t.Context()
	const key = "sioserver:nodes"
	alive := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli(), " token ")
	odd := []any{
		"1", alive + strings.Repeat("x", 50<<20),
		"2", fmt.Sprint(time.Now().Add(2*maxLife).UnixMilli(), " token far:1"),
		"3", strings.Repeat("9", 300) + " token endless:1",
		"4", "no entry",
		"5", "",
		"no number", alive + "x:1",
		"123456789", alive + "x:1",
		strings.Repeat("6", 1<<20), alive + "x:1",
	}
	if err := r.Client.HSet(ctx, key, odd...).Err(); err != nil {
		t.Fatal(err)
	}
	const gone, others = 100_000, 5000
	for base := 0; base < gone; base += 10_000 {
		var fields []any
		for i := range 10_000 {
			fields = append(fields, base+i+1000, "1000 token gone:1")
		}
		if err := r.Client.HSet(ctx, key, fields...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var fields []any
	for i := range others {
		fields = append(fields, gone+i+1000, alive+fmt.Sprint("other:", i))
	}
	if err := r.Client.HSet(ctx, key, fields...).Err(); err != nil {
		t.Fatal(err)
	}
	// The first may take more than the second that is waited for; then the rest
	// is taken at the next time.
	a := directory(t, r, "a:1", 900*time.Millisecond, 1)
	awaitDirectory(t, a, func(s DirectoryStats) bool { return s.Nodes == others && s.Connected })
	if s := a.Stats(); s.Failures == 0 && s.Skipped != uint64(len(odd)/2)-1 { // its own number was one of them
		t.Errorf("%+v", s)
	}
	if n := r.Client.HLen(ctx, key).Val(); n != others+1 {
		t.Errorf("%d entries are left", n)
	}
	b := directory(t, r, "b:1", 900*time.Millisecond, 2)
	if addr := lookup(t, b, 1); addr != "a:1" {
		t.Errorf("b finds a at %q", addr)
	}
	if addr := lookup(t, a, 2); addr != "b:1" {
		t.Errorf("a finds b at %q", addr)
	}
	if addr := lookup(t, a, gone+1000); addr != "other:0" {
		t.Errorf("a finds another at %q", addr)
	}
}

// TestDirectoryRemembersSoMany has more nodes than are remembered.
func TestDirectoryRemembersSoMany(t *testing.T) {
	d := &Directory{known: make(map[uint32]seen)}
	now := time.Now()
	var nodes []any
	for i := range maxKnown + 10 {
		nodes = append(nodes, fmt.Sprint(i), "x:1")
	}
	for range 2 {
		d.learn(append(nodes, fmt.Sprint(maxNode), "x:1"), now)
	}
	if len(d.known) != maxKnown || d.stats.Skipped != 2*11 {
		t.Errorf("%d are known, %+v", len(d.known), d.stats)
	}
}

// TestDirectoryKeepsTheList: a node with a short life leaves, and those with a
// longer one stay listed.
func TestDirectoryKeepsTheList(t *testing.T) {
	r := redistest.Start(t)
	a := directory(t, r, "a:1", time.Hour)
	b := directory(t, r, "b:1", 50*time.Millisecond)
	lookup(t, b, a.Node())
	if left := r.Client.PTTL(t.Context(), "sioserver:nodes").Val(); left < 50*time.Minute {
		t.Errorf("the list is gone in %v", left)
	}
}
