"""Exercises of lesson 4, `4_resnet`: the blocks of a ResNet."""

from skiplab.checks.resnets import resnet_exercise

LESSON = "4_resnet"
EXERCISES = (
    resnet_exercise("BasicBlock", LESSON),
    resnet_exercise("ProjectionBlock", LESSON),
    resnet_exercise("PreActBlock", LESSON),
)
