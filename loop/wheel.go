package loop

import (
	"math"
	"math/bits"
)

const (
	tickShift   = 21 // a tick is 2^21 ns, 2.1 ms
	slotBits    = 6
	wheelSlots  = 1 << slotBits
	wheelLevels = 7
	// lastTick is beyond all times in int64 nanoseconds.
	lastTick = 1<<(slotBits*wheelLevels) - 1
)

// wheel keeps a loop's armed timers in a hierarchy of slots. Ticks are written
// in base 64, one digit a level. A timer lies on the level of the highest digit
// in which its due tick differs from elapsed, in the slot of that digit. So
//
//   - all timers of a level are due before those of the level above,
//   - the next event is the first occupied slot of the lowest occupied level,
//   - a timer's place follows from its due tick and elapsed.
//
// Before elapsed enters the range of an occupied slot, the slot's timers are
// moved down (cascaded). The wheel needs no regular tick.
type wheel struct {
	elapsed  int64 // all timers up to this tick have expired
	count    int
	occupied [wheelLevels]uint64
	slots    [wheelLevels][wheelSlots]*Timer
}

// add arms t at now+d nanoseconds, rounded up to a tick.
func (w *wheel) add(t *Timer, now, d int64) {
	if nowTick := now >> tickShift; nowTick > w.elapsed && (w.count == 0 || nowTick < w.next()) {
		w.elapsed = nowTick
	}
	due := now + max(d, 0)
	if due < now { // the sum wrapped
		due = math.MaxInt64
	}
	t.due = min(max((due-1)>>tickShift+1, w.elapsed+1), lastTick)
	w.count++
	w.link(t)
}

func (w *wheel) place(due int64) (level, slot int) {
	level = (bits.Len64(uint64((due^w.elapsed)|(wheelSlots-1))) - 1) / slotBits
	return level, int(due>>(level*slotBits)) & (wheelSlots - 1)
}

func (w *wheel) link(t *Timer) {
	level, slot := w.place(t.due)
	head := &w.slots[level][slot]
	t.next = *head
	if t.next != nil {
		t.next.prev = t
	}
	*head = t
	w.occupied[level] |= 1 << slot
}

func (w *wheel) unlink(t *Timer, level, slot int) {
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else if w.slots[level][slot] = t.next; t.next == nil {
		w.occupied[level] &^= 1 << slot
	}
	t.next, t.prev = nil, nil
}

func (w *wheel) remove(t *Timer) {
	level, slot := w.place(t.due)
	w.unlink(t, level, slot)
	t.due = 0
	w.count--
}

// next returns the tick of the next event, a timer's or a cascade's. The wheel
// must not be empty.
func (w *wheel) next() int64 {
	tick, _, _ := w.earliest()
	return tick
}

func (w *wheel) earliest() (tick int64, level, slot int) {
	for level = range w.occupied {
		if occ := w.occupied[level]; occ != 0 {
			slot = bits.TrailingZeros64(occ)
			shift := level * slotBits
			return (w.elapsed>>shift>>slotBits<<slotBits | int64(slot)) << shift, level, slot
		}
	}
	panic("loop: timer wheel is empty")
}

// pop disarms and returns a timer that is due at tick now, or returns nil.
func (w *wheel) pop(now int64) *Timer {
	for w.count > 0 {
		tick, level, slot := w.earliest()
		if tick > now {
			return nil
		}
		if level == 0 {
			w.elapsed = tick
			t := w.slots[0][slot]
			w.unlink(t, 0, slot)
			t.due = 0
			w.count--
			return t
		}
		w.cascade(tick, level, slot)
	}
	return nil
}

// cascade moves the timers of a slot whose range begins at tick down.
func (w *wheel) cascade(tick int64, level, slot int) {
	t := w.slots[level][slot]
	w.slots[level][slot] = nil
	w.occupied[level] &^= 1 << slot
	w.elapsed = max(w.elapsed, tick)
	for t != nil {
		next := t.next
		t.next, t.prev = nil, nil
		w.link(t)
		t = next
	}
}
