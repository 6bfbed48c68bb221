//go:build !invariants

package invariants

import "sync"

// Enabled reports whether the checks are compiled in.
const Enabled = false

// Mutex is a sync.Mutex. If Enabled, and while Orders is set, it checks the
// order in which locks of different classes are taken. Class is a type that
// names the class, mostly that of the struct which has the lock.
type Mutex[Class any] = sync.Mutex
