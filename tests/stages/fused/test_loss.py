import pytest
import torch
from torch.nn.functional import cross_entropy

from stages.checkpoint import IGNORED
from stages.fused import loss
from stages.fused.loss import summed_cross_entropy


def _known(places: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    wanted = torch.randint(0, 11, (places,))
    wanted[::4] = IGNORED
    return (4 * torch.randn(places, 11)).to(dtype).requires_grad_(), wanted


@pytest.mark.parametrize("places", [1, 7, 2 * loss.TOGETHER + 3])
def test_loss_and_gradient_are_those_of_torch(places: int) -> None:
    logits, wanted = _known(places, torch.float64)
    theirs = cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(summed_cross_entropy(logits, wanted), theirs)
    assert torch.autograd.gradcheck(lambda z: summed_cross_entropy(z, wanted), [logits])


def test_rounded_logits_have_the_loss_and_nearly_the_gradient_of_torch() -> None:
    logits, wanted = _known(50, torch.bfloat16)
    ours = summed_cross_entropy(logits, wanted)
    (ours / 7).backward()
    found, logits.grad = logits.grad, None
    theirs = cross_entropy(logits.float(), wanted, ignore_index=IGNORED, reduction="sum")
    (theirs / 7).backward()
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(found, logits.grad, rtol=2**-7, atol=0)


def test_an_unlikely_token_has_a_finite_loss() -> None:
    logits = torch.tensor([[0.0, 300.0]]).bfloat16().requires_grad_()
    assert summed_cross_entropy(logits, torch.tensor([0])).item() == 300.0


def test_a_place_without_a_label_may_have_any_logits() -> None:
    logits = torch.tensor([[-torch.inf, 0.0], [1.0, 1.0]]).requires_grad_()
    found = summed_cross_entropy(logits, torch.tensor([IGNORED, 1]))
    found.backward()
    assert logits.grad is not None and logits.grad.tolist() == [[0.0, 0.0], [0.5, -0.5]]
    assert found.item() == pytest.approx(0.6931, abs=1e-4)


def test_a_validation_has_the_same_loss() -> None:
    logits, wanted = _known(2 * loss.TOGETHER + 3, torch.float32)
    trained = summed_cross_entropy(logits, wanted)
    with torch.inference_mode():
        assert summed_cross_entropy(logits.detach(), wanted) == trained
