package spatialdropout

// The generator is a module of its own, so that avo is no dependency of this one.

//go:generate go -C asm run . -out ..
