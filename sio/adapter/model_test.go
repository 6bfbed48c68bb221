package adapter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// model is Rooms the obvious way: maps of sets, and a broadcast copies the
// sockets that it reaches when it is emitted.
type model struct {
	present map[*peer]bool
	rooms   map[string]map[*peer]bool
}

func (m *model) reached(t *Target[*peer]) map[*peer]bool {
	set := make(map[*peer]bool)
	if t.All {
		maps.Copy(set, m.present)
	}
	for _, name := range t.Rooms {
		maps.Copy(set, m.rooms[name])
	}
	for _, p := range t.Members {
		set[p.Owner] = true
	}
	for _, name := range t.Except {
		for p := range m.rooms[name] {
			delete(set, p)
		}
	}
	for _, p := range t.ExceptMembers {
		delete(set, p.Owner)
	}
	maps.DeleteFunc(set, func(p *peer, _ bool) bool { return !m.present[p] })
	return set
}

// emission is a broadcast on its way.
type emission struct {
	cast    *Cast[*peer]
	loop    int
	want    map[*peer]bool
	reached []*peer
}

// TestModel compares random histories with the model. Walks are interrupted:
// anything may happen between two batches of one.
func TestModel(t *testing.T) {
	for range 100 {
		seed := rand.Uint64()
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { playModel(t, seed, 300) })
	}
}

func playModel(t *testing.T, seed uint64, steps int) {
	const loops = 2
	rnd := rand.New(rand.NewPCG(seed, 1))
	r := New[*peer](loops)
	m := &model{present: map[*peer]bool{}, rooms: map[string]map[*peer]bool{}}
	var members []*peer
	var pending []*emission
	walking := [loops]*emission{}
	roomNames := []string{"a", "b", "c", "d"}
	someRooms := func(n int) (list []string) {
		for range rnd.IntN(n + 1) {
			list = append(list, roomNames[rnd.IntN(len(roomNames))])
		}
		return list
	}
	someMembers := func(n int) (list []*Member[*peer]) {
		for range rnd.IntN(n + 1) {
			if len(members) > 0 {
				list = append(list, &members[rnd.IntN(len(members))].member)
			}
		}
		return list
	}
	any := func() *peer {
		if len(members) == 0 {
			return nil
		}
		return members[rnd.IntN(len(members))]
	}
	finish := func(e *emission) {
		e.cast.Done()
		var want []*peer
		for p := range e.want {
			if int(p.member.loop) == e.loop {
				want = append(want, p)
			}
		}
		if got, want := names(e.reached), names(want); !slices.Equal(got, want) {
			t.Fatalf("seed %d: broadcast on loop %d reached %q, want %q", seed, e.loop, got, want)
		}
	}
	step := func(loop, size int) { // one batch on the loop's loop
		e := walking[loop]
		if e == nil {
			i := slices.IndexFunc(pending, func(e *emission) bool { return e.loop == loop })
			if i < 0 {
				return
			}
			e = pending[i]
			pending = slices.Delete(pending, i, i+1)
			walking[loop] = e
		}
		batch := e.cast.Next(make([]*peer, 0, size))
		e.reached = append(e.reached, batch...)
		if len(batch) == 0 {
			walking[loop] = nil
			finish(e)
		}
	}
	for n := range steps {
		switch op := rnd.IntN(20); {
		case op < 3:
			p := reserve(t, r, rnd.IntN(loops), fmt.Sprintf("p%03d", n))
			for _, name := range someRooms(2) { // before it is present
				r.Join(&p.member, name)
				set(m.rooms, name)[p] = true
			}
			if rnd.IntN(4) > 0 {
				r.Add(&p.member)
				m.present[p] = true
			}
			members = append(members, p)
		case op < 7:
			if p := any(); p != nil {
				for _, name := range someRooms(3) {
					r.Join(&p.member, name)
					set(m.rooms, name)[p] = true
				}
			}
		case op < 10:
			if p := any(); p != nil {
				name := roomNames[rnd.IntN(len(roomNames))]
				r.Leave(&p.member, name)
				delete(m.rooms[name], p)
			}
		case op < 11:
			if p := any(); p != nil {
				leaveAll(r, &p.member)
				for _, set := range m.rooms {
					delete(set, p)
				}
			}
		case op < 12:
			if p := any(); p != nil {
				r.Remove(&p.member)
				delete(m.present, p)
				for _, set := range m.rooms {
					delete(set, p)
				}
				members = slices.DeleteFunc(members, func(q *peer) bool { return q == p })
			}
		case op < 16:
			target := Target[*peer]{
				All: rnd.IntN(4) == 0, Rooms: someRooms(2), Members: someMembers(2),
				Except: someRooms(1), ExceptMembers: someMembers(1),
			}
			if target.All {
				target.Rooms, target.Members = nil, nil
			}
			want := m.reached(&target)
			for loop := range loops {
				e := &emission{cast: new(Cast[*peer]), loop: loop, want: want}
				if r.Take(loop, &target, e.cast) {
					pending = append(pending, e)
				} else {
					for p := range want {
						if int(p.member.loop) == loop {
							t.Fatalf("seed %d: Take missed %s", seed, p.name)
						}
					}
				}
			}
		default:
			step(rnd.IntN(loops), 1+rnd.IntN(3))
		}
		for _, name := range roomNames {
			if r.Count(name) != len(m.rooms[name]) {
				t.Fatalf("seed %d: Count(%s) = %d, want %d", seed, name, r.Count(name), len(m.rooms[name]))
			}
		}
		if p := any(); p != nil {
			got := r.RoomsOf(&p.member)
			slices.Sort(got)
			var want []string
			for _, name := range roomNames {
				if m.rooms[name][p] {
					want = append(want, name)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s is in %q, want %q", seed, p.name, got, want)
			}
		}
	}
	for loop := range loops {
		for walking[loop] != nil || slices.ContainsFunc(pending, func(e *emission) bool { return e.loop == loop }) {
			step(loop, 2)
		}
		s := &r.loops[loop]
		if s.pending.Len() != 0 || s.tombs.Len() != 0 {
			t.Fatalf("seed %d: %d pending and %d tombs are left", seed, s.pending.Len(), s.tombs.Len())
		}
	}
	if got, want := names(r.All()), names(slices.Collect(maps.Keys(m.present))); !slices.Equal(got, want) {
		t.Fatalf("seed %d: all are %q, want %q", seed, got, want)
	}
}

func set(rooms map[string]map[*peer]bool, name string) map[*peer]bool {
	if rooms[name] == nil {
		rooms[name] = make(map[*peer]bool)
	}
	return rooms[name]
}
