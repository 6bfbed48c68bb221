package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
)

// check makes what the settings ask for, without listening, and prints them.
func check(c settings.Command, stdout, stderr io.Writer) int {
	p := &program{Command: c, log: slog.New(slog.DiscardHandler)}
	redis := p.Redis
	p.Redis = "" // newServer would connect
	err := checkRedis(redis)
	if err == nil {
		err = p.newServer()
	}
	p.close()
	if err != nil {
		return fail(stderr, "%v", err)
	}
	_ = p.srv.Close() // it has not listened
	file, err := c.TOML()
	if err != nil {
		return fail(stderr, "%v", err)
	}
	from := "the flags"
	if c.File != "" {
		from = c.File
	}
	fmt.Fprintf(stdout, "# The settings of %s are valid; these are all of them.\n%s", from, file)
	return exitDone
}
