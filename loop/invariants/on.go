//go:build invariants

package invariants

import (
	"reflect"
	"sync"
)

// Enabled reports whether the checks are compiled in.
const Enabled = true

// Mutex is a sync.Mutex that checks the order in which locks of different
// classes are taken. Two goroutines that take two locks in opposite orders
// block each other only if they do it at the same time. Here the second order
// panics whenever it is used, while Orders is set. Class is a type that names
// the class, mostly that of the struct which has the lock.
type Mutex[Class any] struct{ mu sync.Mutex }

// Lock is that of sync.Mutex.
func (m *Mutex[Class]) Lock() {
	if Orders.Load() {
		taken.before(reflect.TypeFor[Class]())
	}
	m.mu.Lock()
}

// TryLock is that of sync.Mutex. It can't block, so the order does not matter.
func (m *Mutex[Class]) TryLock() bool {
	if !m.mu.TryLock() {
		return false
	}
	if Orders.Load() {
		taken.hold(reflect.TypeFor[Class]())
	}
	return true
}

// Unlock is that of sync.Mutex.
func (m *Mutex[Class]) Unlock() {
	if Orders.Load() {
		taken.after(reflect.TypeFor[Class]())
	}
	m.mu.Unlock()
}

var taken = newLockOrder()
