package adapter

// Member is one socket's place in the rooms of its namespace. It is embedded
// in the socket; the zero value with Owner set is ready for [Rooms.Reserve].
// Its other fields are guarded by the lock of its shard.
type Member[M any] struct {
	// Owner is what broadcasts and listings give back. Set once, before Reserve.
	Owner M

	span                   // from Add to Remove
	mark  uint64           // the last broadcast that marked this member
	rooms *[]membership[M] // nil while in no room
	slot  uint32
	shard uint16
	state state
}

// Slot is the member's index in its shard's list, fixed from Reserve to
// Remove: an id may carry it, and [Rooms.Find] leads back to the member.
func (m *Member[M]) Slot() uint32 { return m.slot }

// Shard is the index of the member's shard, fixed from Reserve on.
func (m *Member[M]) Shard() int { return int(m.shard) }

type state uint8

const (
	unknown  state = iota // not reserved yet
	reserved              // may join rooms; broadcasts don't reach it
	present
	removed // for good
)

// membership is the member's side of being in a room.
type membership[M any] struct {
	room *room[M]
	pos  uint32 // of the entry in room.entries
}

// entry is the room's side of being in a room.
type entry[M any] struct {
	m *Member[M]
	span
	at uint32 // index of the membership in m.rooms, or the serial of the tombstone
}

// span is when a membership held, counted in broadcasts: see the package comment.
type span struct{ joined, left uint64 }

// never is a version that no broadcast gets.
const never = ^uint64(0)

func (v *span) reachedBy(n uint64) bool { return v.joined < n && n <= v.left }

// live reports whether the membership holds now and broadcasts reach it.
func (v *span) live() bool { return v.joined != never && v.left == never }

// room is the part of a room that lives on one shard.
type room[M any] struct {
	name    string
	entries []entry[M]
	members int // entries that are not tombstones
}

func (m *Member[M]) memberships() []membership[M] {
	if m.rooms == nil {
		return nil
	}
	return *m.rooms
}

// find returns the index of m's membership in r, or -1. It searches the shorter side.
func (m *Member[M]) find(r *room[M]) int {
	list := m.memberships()
	if len(list) <= len(r.entries) {
		for i := range list {
			if list[i].room == r {
				return i
			}
		}
		return -1
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.m == m && e.left == never {
			return int(e.at)
		}
	}
	return -1
}
