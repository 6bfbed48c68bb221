//go:build poll_opt

package loop

// restable is false as gnet, built like this, registers sockets with pointers of its own.
const restable = false
