//go:build !linux || goroutines

package loop

import (
	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// newBackend makes loops that drive connections by goroutines.
func newBackend(cfg backend.Config) (backend.Engine, error) { return goroutine.New(cfg) }
